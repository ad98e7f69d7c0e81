//! One line of an artifact: what it cites, and where its words stand in what it may rest on.

use affiant_engine::provenance::{Basis, Graph, Id, Kind, Node, Relation, Trust, stands_alone};
use affiant_journal::ArtifactId;

use super::{
    Citation, LineRow, Place, Quote, Record,
    content::{Has, source, sources},
    cut,
    finding::Finding,
    models::Talks,
    search::{At, Search},
};
use crate::{
    gateway::Context,
    handlers::{agent::artifacts::text_of, services::Services},
    problem::Refusal,
};

/// Bytes of a line in a reply.
const SHOWN: usize = 4096;
/// Bytes of it in its label.
const LABEL: usize = 120;
/// Bytes of content that are looked through for one line.
const LOOKED: usize = 8 << 20;
/// Citations of one line that are followed.
const CITES: usize = 50;
/// Places in which a line's words are said to stand.
const QUOTES: usize = 12;
/// Items in which one citation is said to stand.
const NAMED: usize = 3;

/// A line of an artifact.
pub(super) struct Line {
    artifact: ArtifactId,
    number: u64,
    of: u64,
    whole: String,
    cites: Vec<String>,
}

/// What was found of a line.
pub(super) struct Looked {
    pub(super) row: LineRow,
    /// Things whose content stays closed.
    closed: Vec<String>,
    /// Things whose content is no longer kept, or was too much to look through.
    passed: Vec<(String, &'static str)>,
    /// Items of the snapshot in which words of the line stand, with their digests.
    items: Vec<(String, String)>,
}

impl Line {
    /// Reads a line.
    pub(super) async fn read(
        services: &Services,
        context: &Context,
        artifact: &ArtifactId,
        number: u64,
    ) -> Result<Self, Refusal> {
        let tenant = &context.who.tenant;
        let row = services.artifact(tenant, artifact.as_str()).await?;
        let bytes = services.content(tenant, &row).await?;
        let missing = |detail: String| {
            Refusal::declared(&context.operation, "line-not-found", detail.clone())
                .unwrap_or_else(|| Refusal::new("not-found", detail))
        };
        let Some(all) = text_of(&bytes) else {
            return Err(missing(format!("`{}` is no text and has no lines.", row.name)));
        };
        let of = all.lines().count() as u64;
        let wanted = usize::try_from(number - 1).unwrap_or(usize::MAX);
        let Some(whole) = all.lines().nth(wanted).map(str::to_owned) else {
            let lines = if of == 1 { "1 line".to_owned() } else { format!("{of} lines") };
            return Err(missing(format!("`{}` has {lines}; there is no line {number}.", row.name)));
        };
        let cites = row.cites.into_iter().filter(|cite| stands_alone(&whole, cite).is_some()).take(CITES).collect();
        Ok(Self { artifact: row.artifact, number, of, whole, cites })
    }

    /// Looks for the line in everything that its artifact may rest on, and adds what is found to the graph.
    pub(super) async fn look(
        &self,
        services: &Services,
        record: &Record,
        graph: &mut Graph,
    ) -> Result<Looked, Refusal> {
        let artifact = Id::Artifact(self.artifact.clone());
        let made = graph.nodes.get(&artifact).and_then(|node| node.events.first().copied()).unwrap_or_default();
        let (mut looked, mut found) = (self.nothing(), Vec::new());
        let (mut search, mut room) = (Search::new(&self.whole, &self.cites), LOOKED);
        for id in sources(record, graph, &artifact) {
            let source = match source(services, record, graph, &id).await? {
                Has::Content(source) if source.content.size() <= room => source,
                Has::Content(_) => {
                    looked.passed.push((id.to_string(), "was not looked through: it is too much"));
                    continue;
                }
                Has::Gone => {
                    looked.passed.push((id.to_string(), "is no longer kept"));
                    continue;
                }
                Has::Closed => {
                    looked.closed.push(id.to_string());
                    continue;
                }
                Has::Nothing => continue,
            };
            room -= source.content.size();
            let looking = tokio::task::spawn_blocking(move || (Finding::of(&search, &source), search));
            let finding;
            (finding, search) = looking.await.map_err(Refusal::internal)?;
            found.push(finding);
        }
        let mine = self.node(graph, &artifact, made);
        self.quote(record, graph, (&mine, made), &mut found, &mut looked);
        self.cite(record, graph, (&mine, made), &found, &mut looked);
        Ok(looked)
    }

    fn nothing(&self) -> Looked {
        let text = &self.whole[..self.whole.floor_char_boundary(SHOWN)];
        let row = LineRow {
            number: self.number,
            of: self.of,
            text: text.to_owned(),
            truncated: text.len() < self.whole.len(),
            quotes: Vec::new(),
            cites: Vec::new(),
        };
        Looked { row, closed: Vec::new(), passed: Vec::new(), items: Vec::new() }
    }

    fn node(&self, graph: &mut Graph, artifact: &Id, made: u64) -> Id {
        let mine = Id::Line(self.artifact.clone(), self.number);
        let text = cut(self.whole.trim(), LABEL);
        let label = if text.is_empty() { "nothing but space" } else { &text };
        let label = format!("line {}: {label}", self.number);
        graph.add(mine.clone(), || Node::new(Kind::Document, label, made)).trust = Some(Trust::Derived);
        graph.link(mine.clone(), Relation::PartOf, artifact.clone(), Basis::Recorded, &[made]);
        mine
    }

    /// Says where the words stand: the whole line first, then the longest parts.
    fn quote(
        &self,
        record: &Record,
        graph: &mut Graph,
        (mine, made): (&Id, u64),
        found: &mut [Finding],
        looked: &mut Looked,
    ) {
        let mut quotes: Vec<(&Finding, &At)> =
            found.iter().filter_map(|finding| Some((finding, finding.words.as_ref()?))).collect();
        quotes.sort_by_key(|(_, at)| (!at.whole, std::cmp::Reverse(at.text.len())));
        for (finding, at) in quotes.into_iter().take(QUOTES) {
            finding.there(record, graph);
            graph.link(mine.clone(), Relation::Quotes, finding.id.clone(), Basis::Words, &[made, finding.seq]);
            let place = Place { path: at.path.clone(), line: at.line, from: at.from, to: at.to };
            let (node, events, digest) = (finding.id.to_string(), vec![finding.seq], finding.digest);
            let text = cut(&at.text, SHOWN);
            looked.row.quotes.push(Quote { node, events, digest, place, whole: at.whole, text });
            if let (Id::Item(key), Some(digest)) = (&finding.id, finding.digest) {
                looked.items.push((key.clone(), digest.to_string()));
            }
        }
    }

    /// Says what the citations name: parts of the snapshot, or where none is, the nearest result that holds them.
    fn cite(
        &self,
        record: &Record,
        graph: &mut Graph,
        (mine, made): (&Id, u64),
        found: &[Finding],
        looked: &mut Looked,
    ) {
        for cited in &self.cites {
            let all =
                found.iter().filter_map(|finding| Some((finding, finding.cites.iter().find(|it| it.cite == *cited)?)));
            let (items, others): (Vec<_>, Vec<_>) = all.partition(|(finding, _)| matches!(finding.id, Id::Item(_)));
            let chosen = if items.is_empty() { others.into_iter().take(1) } else { items.into_iter().take(NAMED) };
            let mut ids = Vec::new();
            for (finding, it) in chosen {
                finding.there(record, graph);
                let to = finding.named(graph, it);
                graph.link(mine.clone(), Relation::Cites, to.clone(), Basis::Words, &[made, finding.seq]);
                ids.push(to.to_string());
            }
            looked.row.cites.push(Citation { cited: cited.clone(), found: ids });
        }
    }
}

impl Looked {
    /// What the search could not say.
    pub(super) fn gaps(&self, record: &Record, talks: &Talks, say: &mut impl FnMut(Option<String>, String)) {
        for id in &self.closed {
            let text = format!("The line was not looked for in {id}: what it holds {}.", record.because_closed());
            say(Some(id.clone()), text);
        }
        for (id, because) in &self.passed {
            say(Some(id.clone()), format!("The content of {id} {because}."));
        }
        for (key, digest) in &self.items {
            if talks.saw(digest) == Some(false) {
                let text =
                    format!("The same words stand in the item {key} of the snapshot, which no model was shown whole.");
                say(Some(format!("item:{key}")), text);
            }
        }
        let mut quoting = self.row.quotes.iter().map(|quote| quote.node.as_str());
        if !self.row.quotes.is_empty() && quoting.all(|node| talks.is_call(node)) {
            let text = "Words of this line stand in what a model answered, and in nothing that it was given as far as that \
                        was looked through.";
            say(None, text.into());
        }
        if self.row.quotes.is_empty() && self.row.cites.iter().all(|cite| cite.found.is_empty()) {
            say(
                None,
                "No part of this line that says something stands word for word in what was looked through.".into(),
            );
        }
    }
}
