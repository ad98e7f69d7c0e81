//! The words for what contracts say with flags and levels.

use std::time::Duration;

use affiant_contract::{
    ApprovalRule, Auth, Binding, CapabilityKind, FieldClass, Hints, Idempotency, Kind, RateLimit, Retry, Stability,
    ToolUse, Widget,
};

pub(super) fn stability(level: Stability) -> (&'static str, &'static str) {
    match level {
        Stability::Idea => ("idea", "Written down to be talked about; nothing carries it out."),
        Stability::InCreation => ("in creation", "Being built; do not rely on it yet."),
        Stability::Experimental => ("experimental", "Usable; the next version may still change it."),
        Stability::Beta => ("beta", "Usable; changes are announced before they come."),
        Stability::Stable => ("stable", "Kept compatible within its major version."),
        Stability::Deprecated => ("deprecated", "Works, and should no longer be used."),
    }
}

pub(super) fn access(auth: Auth) -> &'static str {
    match auth {
        Auth::Anonymous => "Anybody, without a credential.",
        Auth::User => "Any caller with a valid API key.",
        Auth::Admin => "Callers whose API key has the admin role.",
    }
}

pub(super) fn rate_limit(limit: RateLimit) -> String {
    let RateLimit { per_minute, burst } = limit;
    format!("Each credential may make {burst} calls at once and {per_minute} a minute in the long run.")
}

pub(super) fn effects(hints: Hints) -> &'static str {
    match hints {
        Hints { read_only: true, .. } => "It only reads.",
        Hints { destructive: true, idempotent: true, .. } => {
            "It may destroy or overwrite something, and doing it twice under one key has no further effect."
        }
        Hints { destructive: true, .. } => "It may destroy or overwrite something.",
        Hints { idempotent: true, .. } => {
            "It changes something, destroys nothing, and doing it twice under one key has no further effect."
        }
        _ => "It changes something and destroys nothing.",
    }
}

pub(super) fn effects_for_agents(hints: Hints) -> &'static str {
    match hints {
        Hints { read_only: true, .. } => {
            "An agent uses it without asking, and a step that a crash cut off is simply done again."
        }
        Hints { destructive: true, idempotent: true, .. } => {
            "A person is asked before an agent uses it, unless the agent's contract says otherwise; a step that a crash \
             cut off is done again under the same key."
        }
        Hints { destructive: true, .. } => {
            "A person is asked before an agent uses it, unless the agent's contract says otherwise; a step that a crash \
             cut off waits for a person, who says what became of it."
        }
        Hints { idempotent: true, .. } => {
            "An agent uses it without asking, and a step that a crash cut off is done again under the same key."
        }
        _ => {
            "An agent uses it without asking; a step that a crash cut off waits for a person, who says what became of it."
        }
    }
}

pub(super) fn repetition(idempotency: Idempotency, kind: Kind) -> &'static str {
    match (idempotency, kind) {
        (_, Kind::Query) | (Idempotency::Natural, _) => {
            "A repetition needs no key; it answers what is true at that time."
        }
        (Idempotency::Keyed, _) => {
            "Send an `Idempotency-Key` with the request and with every repetition of it: the first reply is given \
             again, byte for byte, and nothing happens twice. The same key with another body is refused with \
             `idempotency-conflict`. Without a key, every call is a new one."
        }
    }
}

pub(super) fn success(status: u16) -> &'static str {
    match status {
        202 => "accepted and durable; the work goes on",
        _ => "done",
    }
}

pub(super) fn carried_out(binding: &Binding) -> String {
    match binding {
        Binding::Builtin => "code in this server".to_owned(),
        Binding::Http(http) => {
            let method = http.method.as_deref().unwrap_or("POST");
            format!("an HTTP service, `{method} {}`", http.url)
        }
        Binding::Command(command) => {
            let program = command.argv.first().map_or("", String::as_str);
            format!("the program `{program}` on this machine, started without a shell")
        }
        Binding::Mcp(mcp) => format!("the tool `{}` of the MCP server `{}`", mcp.tool, mcp.server),
    }
}

pub(super) fn field_class(class: FieldClass) -> &'static str {
    match class {
        FieldClass::Public => "May be shown to anybody.",
        FieldClass::Internal => "Stored and shown inside the tenant.",
        FieldClass::Pii => "Personal data: the record holds a commitment to it, and the value is sealed beside it.",
        FieldClass::Sensitive => "Not personal, but kept like it: a commitment in the record, the value sealed.",
        FieldClass::Secret => "Never stored.",
    }
}

pub(super) fn capability_kind(kind: CapabilityKind) -> &'static str {
    match kind {
        CapabilityKind::Integration => "It carries out work.",
        CapabilityKind::Data => "It holds data.",
        CapabilityKind::Ui => "It shows something to people.",
        CapabilityKind::Platform => "It tells about the system itself.",
    }
}

pub(super) fn widget(widget: Option<Widget>) -> &'static str {
    match widget {
        None => "as its type asks",
        Some(Widget::Text) => "one line",
        Some(Widget::Textarea) => "several lines",
        Some(Widget::Number) => "number",
        Some(Widget::Select) => "one of a list",
        Some(Widget::Checkbox) => "yes or no",
        Some(Widget::Json) => "JSON",
    }
}

pub(super) fn plural(kind: Kind) -> &'static str {
    match kind {
        Kind::Command => "Commands",
        Kind::Query => "Queries",
        Kind::Event => "Events",
        Kind::Capability => "Capabilities",
        Kind::Feature => "Features",
        Kind::Form => "Forms",
        Kind::View => "Views",
        Kind::Presentation => "Presentations",
        Kind::Agent => "Agents",
        Kind::ContextPack => "Context packs",
    }
}

pub(super) fn approval(tool: &ToolUse) -> String {
    let asked = match tool.approval {
        ApprovalRule::ByHint => "asked when the operation may destroy something",
        ApprovalRule::Required => "asked before each call",
        ApprovalRule::Never => return "never asked".to_owned(),
    };
    let expires = duration(tool.approval_expires.unwrap_or(Duration::from_secs(3600)));
    let other = if tool.approver_not_requester { "; not by the one who started the run" } else { "" };
    format!("{asked}; expires after {expires}{other}")
}

pub(super) fn retry(retry: Retry) -> String {
    match retry.attempts {
        0 | 1 => "one attempt".to_owned(),
        attempts => {
            let first = duration(Duration::from_millis(retry.backoff_ms));
            let longest = duration(Duration::from_millis(retry.max_ms));
            format!("{attempts} attempts, waiting {first} and then twice as long each time, at most {longest}")
        }
    }
}

/// `90s` as `90 seconds`, `3600s` as `1 hour`: the largest unit that is exact.
pub(super) fn duration(duration: Duration) -> String {
    let millis = duration.as_millis();
    let units = [(86_400_000, "day"), (3_600_000, "hour"), (60_000, "minute"), (1000, "second"), (1, "millisecond")];
    let exact = units.into_iter().find(|(size, _)| millis >= *size && millis.is_multiple_of(*size));
    let Some((size, unit)) = exact else { return "no time".to_owned() };
    match millis / size {
        1 => format!("1 {unit}"),
        many => format!("{many} {unit}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_told_in_the_largest_exact_unit() {
        let told = |millis| duration(Duration::from_millis(millis));
        assert_eq!(told(500), "500 milliseconds");
        assert_eq!(told(90_000), "90 seconds");
        assert_eq!(told(3_600_000), "1 hour");
        assert_eq!(told(7 * 86_400_000), "7 days");
        assert_eq!(told(0), "no time");
    }
}
