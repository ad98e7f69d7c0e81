//! Where things came from: `affiant artifact trace`, `affiant run trace`, and what `affiant run explain` says of models.

use clap::{Arg, ArgMatches, Command};
use serde_json::{Map, Value, json};

use super::{
    Context, Exit, Failure,
    client::Client,
    ids,
    output::{Data, text},
    terminal::safe_line,
};
use crate::lineage::{self, Branch};

/// The flags that every trace takes.
pub(super) fn arguments(command: Command) -> Command {
    let depth =
        Arg::new("depth").long("depth").value_name("EDGES").value_parser(clap::value_parser!(u64).range(0..=20));
    command.arg(depth.help("How far to look: to what came of it, and from a step back to its sources [default: 2]"))
}

/// The argument `--NAME NUMBER`.
pub(super) fn number(name: &'static str, least: u64, help: &'static str) -> Arg {
    Arg::new(name).long(name).value_name("NUMBER").value_parser(clap::value_parser!(u64).range(least..)).help(help)
}

/// Asks where something came from and prints the answer.
pub(super) async fn print(
    context: &Context<'_>,
    client: &Client,
    matches: &ArgMatches,
    mut input: Map<String, Value>,
) -> Result<Exit, Failure> {
    input.extend(matches.get_one::<u64>("depth").map(|depth| ("depth".to_owned(), json!(depth))));
    let reply = client.query("agent.trace", "v1", &Value::Object(input)).await?;
    let (text, id) = (page(&reply), text(&reply, "focus"));
    context.print(Data::One { value: reply, text, id })?;
    Ok(Exit::Done)
}

/// A trace as people read it: back to the sources, on to the effects, and what is not recorded.
fn page(reply: &Value) -> String {
    let mut page = String::new();
    let line = &reply["line"];
    if line.is_object() {
        let cut = if line["truncated"] == true { " …" } else { "" };
        page += &format!("line {} of {}\n  {}{cut}\n\n", line["number"], line["of"], safe_line(&text(line, "text")));
    }
    page +=
        &format!("Why      as {} of {} decided\n", text(&reply["agent"], "name"), ids::short(&text(reply, "runId")));
    tree(&lineage::back(reply), &mut page);
    words(reply, &mut page);
    let led = lineage::forward(reply).below;
    if !led.is_empty() {
        page += "\nLed to\n";
        branches(&led, "  ", &mut page);
    }
    models(reply, &mut page);
    let gaps: Vec<&Value> = reply["gaps"].as_array().into_iter().flatten().collect();
    if !gaps.is_empty() {
        page += "\nNot recorded, or not to be seen\n";
    }
    for gap in gaps {
        page += &format!("  {}\n", safe_line(&text(gap, "text")));
    }
    if let Some(more) = reply["more"].as_u64() {
        page += &format!("\n{more} more that are further away: begin at one of those above, with --step or --line.\n");
    }
    page
}

fn tree(root: &Branch, page: &mut String) {
    *page += &format!("  {}{}\n", safe_line(&root.name), cited(&root.events));
    if root.below.is_empty() {
        *page += "    nothing is recorded that it came from\n";
    }
    branches(&root.below, "    ", page);
}

fn branches(all: &[Branch], indent: &str, page: &mut String) {
    for branch in all {
        let basis = if branch.basis.is_empty() { String::new() } else { format!(": {}", safe_line(&branch.basis)) };
        let again = if branch.again { " (see above)" } else { "" };
        let (how, name) = (&branch.how, safe_line(&branch.name));
        *page += &format!("{indent}{how} {name}{basis}{}{again}\n", cited(&branch.events));
        branches(&branch.below, &format!("{indent}  "), page);
    }
}

/// Where the words of a line stand, and what its citations name.
fn words(reply: &Value, page: &mut String) {
    let quotes = lineage::quotes(reply);
    if !quotes.is_empty() {
        *page += "\nThe same words, which proves nothing by itself\n";
    }
    for quote in &quotes {
        let what = if quote["whole"] == true {
            "the whole line".to_owned()
        } else {
            format!("\"{}\"", safe_line(&text(quote, "text")))
        };
        *page += &format!(
            "  {what}\n    in {}: {}{}\n",
            safe_line(&text(quote, "name")),
            safe_line(&lineage::span(&quote["place"])),
            cited(&numbers(&quote["events"]))
        );
        if let Some(digest) = quote["digest"].as_str() {
            *page += &format!("    {digest}\n");
        }
    }
    for cite in reply["line"]["cites"].as_array().into_iter().flatten().filter(|cite| cite["found"] == json!([])) {
        *page += &format!(
            "\nThe line names {}, which stands in nothing that was looked through.\n",
            safe_line(&text(cite, "cited"))
        );
    }
}

/// What the models were shown.
pub(super) fn models(reply: &Value, page: &mut String) {
    let contexts = reply["contexts"].as_array().map(Vec::as_slice).unwrap_or_default();
    for context in contexts {
        *page += &format!(
            "\nThe model {} of step {} was shown{}\n",
            safe_line(&text(context, "model")),
            context["stepNumber"],
            cited(&numbers(&context["events"]))
        );
        let extent = |row: &Value| lineage::shown(&text(row, "shown"));
        let items = context["items"].as_array().map(Vec::as_slice).unwrap_or_default();
        for item in items {
            *page += &format!("  item {}: {}, {}\n", safe_line(&text(item, "key")), extent(item), text(item, "digest"));
        }
        let rest = context["itemCount"].as_u64().unwrap_or_default().saturating_sub(items.len() as u64);
        if rest > 0 {
            *page += &format!("  and {rest} more items\n");
        }
        for result in context["results"].as_array().into_iter().flatten() {
            *page += &format!(
                "  result of step {}, {}: {}\n",
                result["stepNumber"],
                text(result, "operation"),
                extent(result)
            );
        }
        if items.is_empty() && context["results"] == json!([]) {
            *page += "  nothing but what it was asked\n";
        }
    }
}

fn numbers(value: &Value) -> Vec<u64> {
    value.as_array().into_iter().flatten().filter_map(Value::as_u64).collect()
}

/// The events behind a line of the page.
fn cited(events: &[u64]) -> String {
    let numbers: Vec<String> = events.iter().map(|event| format!("#{event}")).collect();
    if numbers.is_empty() { String::new() } else { format!("  [{}]", numbers.join(" ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_reads_from_the_line_to_its_sources() {
        let contract = include_str!("../../../../contracts/agent/agent.trace-1.0.0.yaml");
        let contract = affiant_contract::load_file("agent.trace-1.0.0.yaml", contract).unwrap();
        let reply = Value::Object(contract.operation().unwrap().examples[0].output.clone());
        insta::assert_snapshot!(page(&reply), @r#"
        line 3 of 3
          - Fix crash when the cart is empty (a91f3c2)

        Why      as release-notes@1.0.0 of …7XK4QZ decided
          line 3: - Fix crash when the cart is empty (a91f3c2)  [#7]
            part of artifact NOTES.md  [#7]
              made by rule keep  [#7]
                used step 1, draft NOTES.md (text.render@1.0.0): its text reads steps.notes.result.text  [#7]
            names step 1, draft NOTES.md (text.render@1.0.0): the same word stands there  [#6 #7]

        The same words, which proves nothing by itself
          the whole line
            in step 1, draft NOTES.md (text.render@1.0.0): /text, line 3, bytes 15 to 59 (44 B)  [#6]
            sha256:69d0044d65bc72753132efe821effd54c8072b5f75703772caa15a13d400dc5a

        Not recorded, or not to be seen
          Nothing recorded which part of what step 1 (text.render@1.0.0) was given became which part of its result.
        "#);
    }
}
