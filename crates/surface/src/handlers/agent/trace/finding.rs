//! What one source holds of a line.

use affiant_engine::provenance::{Basis, Graph, Id, Kind, Node, Relation, Trust};
use affiant_journal::Digest;

use super::{
    Record,
    content::{Source, items},
    search::{At, Cite, Search},
};

/// What was found of a line in one source.
pub(super) struct Finding {
    pub(super) id: Id,
    /// The event that records the source's content.
    pub(super) seq: u64,
    pub(super) digest: Option<Digest>,
    pub(super) words: Option<At>,
    pub(super) cites: Vec<Cite>,
}

impl Finding {
    pub(super) fn of(search: &Search, source: &Source) -> Self {
        let hit = search.look(&source.content);
        Self { id: source.id.clone(), seq: source.seq, digest: source.digest, words: hit.words, cites: hit.cites }
    }

    /// Adds the node of an item of the snapshot that no rule and no model took in by name.
    pub(super) fn there(&self, record: &Record, graph: &mut Graph) {
        let Id::Item(key) = &self.id else { return };
        let Some(item) = items(record).find(|item| item.key() == *key) else { return };
        let node = graph.add(self.id.clone(), || Node::new(Kind::Document, key.clone(), self.seq));
        (node.digest, node.trust) = (self.digest, Some(Trust::of_source(&item.kind)));
        if graph.nodes.contains_key(&Id::Snapshot) {
            graph.link(self.id.clone(), Relation::PartOf, Id::Snapshot, Basis::Recorded, &[self.seq]);
        }
    }

    /// What a citation names: the part of the item that bears that name, or what holds it somewhere.
    pub(super) fn named(&self, graph: &mut Graph, it: &Cite) -> Id {
        let (Id::Item(key), Some((path, called))) = (&self.id, &it.part) else { return self.id.clone() };
        let id = Id::Part(key.clone(), path.clone());
        let trust = graph.nodes.get(&self.id).and_then(|node| node.trust);
        let label = format!("{} {called}", it.cite).trim_end().to_owned();
        graph.add(id.clone(), || Node::new(Kind::Document, label, self.seq)).trust = trust;
        graph.link(id.clone(), Relation::PartOf, self.id.clone(), Basis::Recorded, &[self.seq]);
        id
    }
}
