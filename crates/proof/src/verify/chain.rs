//! Check 5: dense `seq`, `prev`, the rules of a run's life, and the count in its last event.

use affiant_journal::{Body, BootId, Event, Run, Timestamp, Totals};

use super::{Check, Record, report::Place};
use crate::paths::Included;

pub(super) struct Chain<'r, 'b> {
    record: &'r Record<'b>,
    /// What the log says of each event, where it can be relied on.
    included: Option<&'r [Included]>,
    check: Check,
    run: Option<Run>,
    /// Whether the events so far can be followed by the rules of a run.
    followed: bool,
    ended: bool,
    backwards: u64,
    clock: Option<Clock>,
}

/// What the clocks of the server said when it wrote an event.
struct Clock {
    at: Timestamp,
    boot: BootId,
    mono: u64,
}

impl Clock {
    fn of(event: &Event) -> Self {
        Self { at: event.at, boot: event.boot.clone(), mono: event.mono }
    }

    fn goes_back(&self, next: &Self) -> bool {
        next.at < self.at || (next.boot == self.boot && next.mono < self.mono)
    }
}

impl<'r, 'b> Chain<'r, 'b> {
    pub(super) fn new(record: &'r Record<'b>, included: Option<&'r [Included]>) -> Self {
        let check = Check::new("chain");
        Self { record, included, check, run: None, followed: true, ended: false, backwards: 0, clock: None }
    }

    /// An event cannot be read.
    pub(super) fn unreadable(&mut self, at: usize, what: String) {
        self.check.count(false);
        self.check.altered(Place::Event(at as u64), what);
        self.followed = false;
    }

    pub(super) fn take(&mut self, at: usize, event: &Event) {
        let wrong = self.link(at, event).err().or_else(|| self.live(event).err().map(|what| (at, what)));
        self.check.count(wrong.is_none());
        if let Some((at, what)) = wrong {
            self.check.altered(Place::Event(at as u64), what);
        }
        let now = Clock::of(event);
        self.backwards += u64::from(self.clock.as_ref().is_some_and(|before| before.goes_back(&now)));
        self.clock = Some(now);
    }

    /// Its place, and its link to the event before it.
    fn link(&self, at: usize, event: &Event) -> Result<(), (usize, String)> {
        if event.seq != at as u64 {
            return Err((at, format!("event {} stands in its place", event.seq)));
        }
        let before = at.checked_sub(1);
        if event.prev == before.map(|before| self.record.leaves[before]) {
            return Ok(());
        }
        // An event of the log that is another run's first one has nothing before it that could give it away.
        let strange = |before: usize| !self.proven(before) || (before == 0 && self.is_named_after(at));
        let guilty = before.filter(|before| self.is_right(at, event) && strange(*before));
        match guilty {
            Some(before) => Err((before, "it is not the event that the next one names as `prev`".into())),
            None => Err((at, "its `prev` does not name the event before it".into())),
        }
    }

    /// Whether the event after this place names this one as the one before it.
    fn is_named_after(&self, at: usize) -> bool {
        self.record.event_after(at).is_some_and(|after| after.prev == Some(self.record.leaves[at]))
    }

    fn proven(&self, at: usize) -> bool {
        self.included.and_then(|included| included.get(at)) == Some(&Included::Proven)
    }

    /// Whether the event at this place is the right one, as the log or the event after it says.
    fn is_right(&self, at: usize, event: &Event) -> bool {
        let stranger = self.run.as_ref().is_some_and(|run| run.id.as_str() != event.stream.as_str());
        let after = || self.record.event_after(at);
        self.proven(at) || after().map_or(!stranger, |after| after.prev == Some(self.record.leaves[at]))
    }

    /// Whether it may follow, and what a last event says of the whole.
    fn live(&mut self, event: &Event) -> Result<(), String> {
        if !self.followed {
            return Ok(());
        }
        let lived = match &mut self.run {
            None => Run::begin(event).map(|run| self.run = Some(run)),
            Some(run) => run.apply(event),
        };
        if let Err(illegal) = lived {
            self.followed = false;
            return Err(illegal.to_string());
        }
        let (Some(totals), Some(run)) = (totals(event), &self.run) else { return Ok(()) };
        self.ended = true;
        let right = totals.events == event.seq + 1
            && totals.head == event.prev
            && totals.artifacts == run.artifacts
            && totals.steps == run.count();
        if right { Ok(()) } else { Err("what it counts is not what there is".into()) }
    }

    pub(super) fn finish(mut self) -> Check {
        let last = self.record.len() as u64;
        if self.record.is_empty() {
            self.check.missing(super::report::member(crate::bundle::name::EVENTS), "there are no events");
        } else if !self.record.whole {
            self.check.altered(Place::Event(last - 1), "its line does not end");
        } else if !self.ended && self.followed {
            self.check.missing(Place::Event(last), "the run has not ended");
        }
        self.check.says = "events follow one another".into();
        if self.backwards > 0 {
            self.check.says += &format!("; the clock went back {} times, which changes nothing", self.backwards);
        }
        self.check
    }
}

fn totals(event: &Event) -> Option<&Totals> {
    match &event.body {
        Body::RunCompleted(it) => Some(&it.totals),
        Body::RunFailed(it) => Some(&it.totals),
        Body::RunCancelled(it) => Some(&it.totals),
        _ => None,
    }
}
