//! Verbs that are operation calls: flags from the operation's contract, columns from its view.

use std::{sync::LazyLock, time::Duration};

use affiant_contract::{Contract, ErrorSpec, Kind, Operation, Ref, Registry, View};
use clap::{Arg, ArgAction, ArgMatches, Command};
use serde_json::{Map, Value};

use super::{
    Context, Exit, Failure,
    client::Client,
    grammar, ids,
    output::{Cell, Column, Data, Format},
    terminal,
};

/// The contracts we ship, which our own verbs are made of.
static SHIPPED: LazyLock<Registry> = LazyLock::new(|| {
    Registry::new(affiant_contract::builtin()).expect("our own contracts are checked before they are shipped")
});

/// What an operation says about an error that it alone has.
pub(super) fn remedy<'a>(operation: &'a Operation, code: &str) -> Option<&'a str> {
    operation.errors.iter().find_map(|spec| match spec {
        ErrorSpec::Own(own) if own.code == code => Some(own.remedy.as_str()),
        _ => None,
    })
}

/// What one of our own operations says about the error of a problem.
pub(super) fn remedy_of(problem: &Value) -> Option<&'static str> {
    let (operation, code) = (&problem["operation"], problem["code"].as_str()?);
    let version = operation["version"].as_str()?.parse().ok()?;
    remedy(SHIPPED.resolve(operation["key"].as_str()?, &version)?.operation()?, code)
}

/// What stands behind the verb, without a flag.
#[derive(Clone, Copy)]
pub(super) enum First {
    /// Nothing.
    Nothing,
    /// This field, as it is typed.
    Text(&'static str),
    /// This field, a folder of this machine; the current one when absent.
    Folder(&'static str),
    /// This field, a run.
    Run(&'static str),
    /// This field, an id or a part of one that this list has.
    Id(&'static str, &'static List),
}

impl First {
    fn field(self) -> Option<&'static str> {
        match self {
            Self::Nothing => None,
            Self::Text(field) | Self::Folder(field) | Self::Run(field) | Self::Id(field, _) => Some(field),
        }
    }

    fn argument(self, operation: &Operation) -> Option<Arg> {
        let field = self.field()?;
        let argument = Arg::new(field).value_name(kebab(field).to_uppercase().replace('-', "_"));
        Some(match self {
            Self::Folder(_) => argument.help("A folder of this machine; this one when absent"),
            Self::Run(_) => argument.help("A run's id, a part of it, or @last").required(true),
            _ => argument.help(described(&operation.input["properties"][field])).required(true),
        })
    }

    /// The field's value, when it must be looked up or completed first.
    async fn value(
        self,
        context: &Context<'_>,
        client: &Client,
        matches: &ArgMatches,
    ) -> Result<Option<Value>, Failure> {
        let Some(typed) = self.field().map(|field| matches.get_one::<String>(field)) else { return Ok(None) };
        let typed = typed.map(String::as_str);
        Ok(match self {
            Self::Nothing => None,
            Self::Text(_) => typed.map(Value::from),
            Self::Folder(_) => Some(folder(context, typed.unwrap_or(".")).into()),
            Self::Run(_) => Some(ids::run(client, typed.unwrap_or_default()).await?.into()),
            Self::Id(field, list) => Some(list.id(client, field, typed.unwrap_or_default()).await?.into()),
        })
    }
}

/// A folder as the server has to hear it: absolute, because the server works in another one.
fn folder(context: &Context<'_>, typed: &str) -> String {
    let path = context.folder.join(typed);
    path.canonicalize().unwrap_or(path).to_string_lossy().into_owned()
}

/// A verb that lists.
pub(super) struct List {
    /// The query, as `key@version`.
    pub(super) operation: &'static str,
    /// The view with its columns, as `key@version`.
    pub(super) view: &'static str,
    /// What stands behind the verb.
    pub(super) first: First,
}

impl List {
    /// Its arguments.
    pub(super) fn arguments(&self, command: Command) -> Command {
        let operation = operation(shipped(self.operation));
        let mut command = command.args(self.first.argument(operation)).args(flags(operation, self.first.field()));
        if operation.input["properties"].get("cursor").is_some() {
            command = command.arg(Arg::new("all").long("all").action(ArgAction::SetTrue).help("Every page"));
        }
        command.arg(watch_argument())
    }

    /// Prints a page of the list, or every page, once or again and again.
    pub(super) async fn run(&self, context: &Context<'_>, matches: &ArgMatches) -> Result<Exit, Failure> {
        let client = context.client()?;
        let mut request = input(operation(shipped(self.operation)), matches)?;
        if let (Some(field), Some(value)) = (self.first.field(), self.first.value(context, &client, matches).await?) {
            request.insert(field.to_owned(), value);
        }
        let all = matches.try_get_one::<bool>("all").ok().flatten().copied().unwrap_or_default();
        let columns = self.columns();
        let Some(every) = watched(context, matches)? else {
            let (items, next, total) = self.rows(&client, request, all).await?;
            context.print(Data::List { items, columns: &columns, next, total })?;
            return Ok(Exit::Done);
        };
        again(context, every, &columns, async || Ok(self.rows(&client, request.clone(), all).await?.0)).await
    }

    /// The rows, where the next page begins, and how many there are on all pages.
    async fn rows(&self, client: &Client, mut request: Map<String, Value>, all: bool) -> Result<Page, Failure> {
        let (contract, mut items) = (shipped(self.operation), Vec::new());
        loop {
            let (key, version) = (&contract.meta.key, contract.meta.version.to_string());
            let mut page = client.query(key, &version, &Value::Object(request.clone())).await?;
            items.extend(page[&self.shown().items].as_array_mut().map(std::mem::take).unwrap_or_default());
            let next = page["nextCursor"].as_str().map(str::to_owned);
            match &next {
                Some(cursor) if all => request.insert("cursor".to_owned(), cursor.as_str().into()),
                _ => return Ok((items, next, page["total"].as_u64())),
            };
        }
    }

    fn shown(&self) -> &'static View {
        match &shipped(self.view).body {
            affiant_contract::Body::View(view) => view,
            _ => unreachable!("the tests of this file list every verb, so that a view is a view"),
        }
    }

    /// The view's columns. Where the view leaves the id of a row out, it stands at the end: verbs ask for it.
    fn columns(&self) -> Vec<Column> {
        let column = |field: &str, label: &str| {
            let cell = if field.ends_with("Id") { Cell::Id(field.to_owned()) } else { Cell::Field(field.to_owned()) };
            Column { title: label.to_uppercase().into(), cell, wide: false }
        };
        let view = self.shown();
        let mut columns: Vec<Column> = view.columns.iter().map(|shown| column(&shown.field, &shown.label)).collect();
        let id = self.id_field();
        if view.columns.iter().all(|shown| shown.field != id) {
            columns.push(column(&id, "id"));
        }
        columns
    }

    /// The field that names a row: by our contracts the first that a row must have.
    fn id_field(&self) -> String {
        let rows = &operation(shipped(self.operation)).output["properties"][&self.shown().items];
        rows["items"]["required"][0].as_str().unwrap_or_default().to_owned()
    }

    /// The whole id of the row that a person means.
    async fn id(&self, client: &Client, field: &str, typed: &str) -> Result<String, Failure> {
        let (rows, ..) = self.rows(client, Map::new(), true).await?;
        ids::among(&rows, field, typed)
    }
}

type Page = (Vec<Value>, Option<String>, Option<u64>);

/// A verb that is one call.
pub(super) struct Act {
    /// The operation, as `key@version`.
    pub(super) operation: &'static str,
    /// What stands behind the verb.
    pub(super) first: First,
    /// What people read of the reply.
    pub(super) say: fn(&Value) -> String,
}

impl Act {
    /// Its arguments.
    pub(super) fn arguments(&self, command: Command) -> Command {
        let operation = operation(shipped(self.operation));
        command.args(self.first.argument(operation)).args(flags(operation, self.first.field()))
    }

    /// Calls the operation and says what it answered.
    pub(super) async fn run(&self, context: &Context<'_>, matches: &ArgMatches) -> Result<Exit, Failure> {
        let client = context.client()?;
        let contract = shipped(self.operation);
        let mut request = input(operation(contract), matches)?;
        if let (Some(field), Some(value)) = (self.first.field(), self.first.value(context, &client, matches).await?) {
            request.insert(field.to_owned(), value);
        }
        if operation(contract).hints.destructive {
            agreed(context, &contract.meta.title, &request).await?;
        }
        let reply = send(&client, contract, &Value::Object(request), None).await?;
        let (text, id) = ((self.say)(&reply), first_text(&reply));
        context.print(Data::One { value: reply, text, id })?;
        Ok(Exit::Done)
    }
}

/// Asks before what cannot be undone. Where nobody can be asked, only `--yes` goes on.
async fn agreed(context: &Context<'_>, title: &str, request: &Map<String, Value>) -> Result<(), Failure> {
    if context.yes {
        return Ok(());
    }
    let what = request.values().find_map(Value::as_str).unwrap_or_default();
    let question = format!("{title} {}? It cannot be undone.", terminal::safe_line(what));
    if context.no_input {
        return Err(Failure::usage(format!("{question} Nobody can be asked here.")).next("the same command with --yes"));
    }
    match terminal::confirm(&question).await {
        true => Ok(()),
        false => Err(Failure::new(Exit::Usage, "declined", "nothing was changed")),
    }
}

/// The first text of a reply: by our contracts the id of what it is about.
pub(super) fn first_text(reply: &Value) -> String {
    let first = reply.as_object().and_then(|reply| reply.values().next());
    first.and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn shipped(reference: &str) -> &'static Contract {
    let reference: Ref = reference.parse().expect("verbs name their operations as `key@version`");
    SHIPPED.get(&reference).expect("verbs name operations that we ship")
}

fn operation(contract: &Contract) -> &Operation {
    contract.operation().expect("verbs name operations")
}

/// Calls an operation as its contract says.
pub(super) async fn send(
    client: &Client,
    contract: &Contract,
    input: &Value,
    once: Option<&str>,
) -> Result<Value, Failure> {
    let (key, version) = (&contract.meta.key, contract.meta.version.to_string());
    match contract.meta.kind {
        Kind::Query => client.query(key, &version, input).await,
        _ => client.keyed_command(key, &version, input, once).await,
    }
}

/// A flag for each field of the operation's input, except one that stands behind the verb.
pub(super) fn flags(operation: &Operation, except: Option<&str>) -> Vec<Arg> {
    let fields = properties(operation).filter(|(field, _)| Some(field.as_str()) != except);
    fields.map(|(field, schema)| flag(field, schema)).collect()
}

fn flag(field: &str, schema: &Value) -> Arg {
    let flag = Arg::new(field.to_owned())
        .long(field.to_owned())
        .help(described(schema))
        .value_name(placeholder(schema))
        .allow_hyphen_values(true);
    let flag = if kebab(field) == field { flag } else { flag.alias(kebab(field)) };
    let flag = if field == "q" { flag.short('q') } else { flag };
    if schema["type"] == "array" { flag.action(ArgAction::Append) } else { flag }
}

fn described(schema: &Value) -> String {
    schema["description"].as_str().unwrap_or_default().trim_end_matches('.').to_owned()
}

/// `runId` → `run-id`: the other way to type a field.
fn kebab(field: &str) -> String {
    field.chars().fold(String::new(), |text, c| match c.is_ascii_uppercase() {
        true => format!("{text}-{}", c.to_ascii_lowercase()),
        false => format!("{text}{c}"),
    })
}

/// The fields that can be flags. One that is called like a flag of ours is given inside `--input-json`.
fn properties(operation: &Operation) -> impl Iterator<Item = (&String, &Value)> {
    let all = operation.input["properties"].as_object().into_iter().flatten();
    all.filter(|(field, _)| !grammar::is_taken(field))
}

fn placeholder(schema: &Value) -> String {
    if let Some(values) = schema["enum"].as_array() {
        return values.iter().filter_map(Value::as_str).collect::<Vec<_>>().join("|");
    }
    schema["type"].as_str().unwrap_or("json").to_uppercase()
}

/// The input that the flags give, each read by the type its schema names.
pub(super) fn input(operation: &Operation, flags: &ArgMatches) -> Result<Map<String, Value>, Failure> {
    let mut input = Map::new();
    for (field, schema) in properties(operation) {
        let Ok(Some(values)) = flags.try_get_many::<String>(field) else { continue };
        let values: Vec<&String> = values.collect();
        let value = match schema["type"].as_str() {
            Some("array") => {
                Value::Array(values.iter().map(|text| typed(field, &schema["items"], text)).collect::<Result<_, _>>()?)
            }
            _ => typed(field, schema, values.first().expect("clap gives no flag without a value"))?,
        };
        input.insert(field.clone(), value);
    }
    Ok(input)
}

fn typed(field: &str, schema: &Value, text: &str) -> Result<Value, Failure> {
    if schema["type"] == "string" {
        return Ok(text.into());
    }
    let value = serde_json::from_str(text);
    value.map_err(|_| Failure::usage(format!("--{field}: `{text}` is no {}", placeholder(schema).to_lowercase())))
}

/// The argument `--watch[=TIME]`.
pub(super) fn watch_argument() -> Arg {
    let watch = Arg::new("watch").long("watch").short('w').value_name("TIME").num_args(0..=1).require_equals(true);
    watch.default_missing_value("2s").help("Again and again; without a terminal, only what has changed")
}

/// How often a list is wanted again; none when it is wanted once.
pub(super) fn watched(context: &Context<'_>, matches: &ArgMatches) -> Result<Option<Duration>, Failure> {
    let Some(text) = matches.get_one::<String>("watch") else { return Ok(None) };
    if !matches!(context.format(), Format::Table | Format::Wide | Format::Jsonl) {
        return Err(Failure::usage("--watch prints again and again, which is no document").next("use -o jsonl"));
    }
    let every = affiant_contract::duration::parse(text).filter(|every| !every.is_zero());
    every.map(Some).ok_or_else(|| Failure::usage(format!("--watch: `{text}` is not a time such as 2s")))
}

/// Prints a list until Ctrl-C: in place on a terminal, elsewhere the rows that are new or have changed.
pub(super) async fn again(
    context: &Context<'_>,
    every: Duration,
    columns: &[Column],
    rows: impl AsyncFn() -> Result<Vec<Value>, Failure>,
) -> Result<Exit, Failure> {
    let in_place = terminal::out_is_terminal() && context.format() != Format::Jsonl;
    let mut known: Vec<Value> = Vec::new();
    loop {
        let all = rows().await?;
        let items = if in_place { all.clone() } else { fresh(&all, &known) };
        if in_place {
            terminal::clear();
        }
        if in_place || !items.is_empty() {
            context.print(Data::List { items, columns, next: None, total: None })?;
        }
        known = all;
        tokio::select! {
            () = tokio::time::sleep(every) => (),
            _ = tokio::signal::ctrl_c() => return Ok(Exit::Done),
        }
    }
}

/// Rows that are not among the known ones as they are now.
fn fresh(rows: &[Value], known: &[Value]) -> Vec<Value> {
    rows.iter().filter(|row| !known.contains(row)).cloned().collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_field_can_be_typed_as_the_contract_says_or_with_dashes() {
        let operation = operation(shipped("agent.approvals.list@1.0.0"));
        let command = || Command::new("list").args(flags(operation, None));
        for flag in ["--runId", "--run-id"] {
            let matches = command().try_get_matches_from(["list", flag, "run_1", "--limit", "5"]).unwrap();
            assert_eq!(Value::Object(input(operation, &matches).unwrap()), json!({ "runId": "run_1", "limit": 5 }));
        }
    }

    #[test]
    fn a_number_that_is_none_is_refused_before_anything_is_sent() {
        let operation = operation(shipped("agent.approvals.list@1.0.0"));
        let matches = Command::new("list").args(flags(operation, None));
        let matches = matches.try_get_matches_from(["list", "--limit", "many"]).unwrap();
        let failure = input(operation, &matches).unwrap_err();
        insta::assert_snapshot!(failure.message, @"--limit: `many` is no integer");
    }

    #[test]
    fn only_rows_that_changed_are_told_again() {
        let (old, new) = (json!({ "id": 1, "s": "a" }), json!({ "id": 1, "s": "b" }));
        assert_eq!(fresh(&[new.clone(), old.clone()], std::slice::from_ref(&old)), [new]);
    }
}
