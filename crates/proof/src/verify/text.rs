//! The report as people read it.

use std::fmt;

use super::{Check, Outcome, Report, Verdict};

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let run = self.run.as_deref().unwrap_or("no run that can be read");
        writeln!(f, "{run}  {} events", self.events)?;
        for check in &self.checks {
            writeln!(f, "{check}")?;
        }
        if self.tail > 0 {
            writeln!(
                f,
                "  {} newest events are under no checkpoint: nobody else could notice a change to them",
                self.tail
            )?;
        }
        write!(f, "Result: {}", self.verdict)?;
        match &self.verdict {
            Verdict::Intact { witnessed: true } => Ok(()),
            Verdict::Intact { witnessed: false } => {
                f.write_str(". No witness: the log's owner could show others another history. Keep the checkpoint.")
            }
            Verdict::Incomplete { missing } => write!(f, ": {missing}."),
            Verdict::AlteredAt { event, what, .. } if *event > 0 && self.size.is_some() => {
                write!(f, ": {what}. Everything before event {event} is intact.")
            }
            Verdict::AlteredAt { what, .. } | Verdict::AlteredIn { what, .. } => write!(f, ": {what}."),
        }
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mark = match self.outcome {
            Outcome::Passed => '✓',
            Outcome::NotAsked => '○',
            Outcome::Incomplete => '…',
            Outcome::Failed => '✗',
        };
        write!(f, "  {mark} {:<12}", self.name)?;
        if self.of > 0 {
            write!(f, " {} of {}", self.passed, self.of)?;
        }
        if !self.says.is_empty() {
            write!(f, " {}", self.says)?;
        }
        for finding in &self.findings {
            write!(f, "\n      {}: {}", finding.place, finding.what)?;
        }
        Ok(())
    }
}
