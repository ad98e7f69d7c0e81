//! A graph drawn in layers from left to right, what came first on the left. Pure: a reply of `agent.trace` in, places
//! out.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

/// Width of a node, in the drawing's own units, which are pixels where nothing scales it.
const WIDTH: i64 = 164;
/// Between two layers: room for edges to turn in.
const GAP: i64 = 36;
/// Height that a node takes, with the room below it.
const ROW: i64 = 76;
/// Height that an edge takes where it passes a layer.
const LANE: i64 = 14;
/// Around everything.
const EDGE: i64 = 12;
/// Characters of a label that fit into a node.
const FITS: usize = 20;
/// Characters that fit into a diamond.
const FITS_DIAMOND: usize = 15;

/// A drawing.
#[derive(Debug, Serialize)]
pub(super) struct Drawing {
    width: i64,
    height: i64,
    nodes: Vec<Placed>,
    edges: Vec<Drawn>,
}

/// A node in its place.
#[derive(Debug, Serialize)]
struct Placed {
    id: String,
    kind: String,
    x: i64,
    y: i64,
    width: i64,
    height: i64,
    /// The outline, as path data.
    shape: String,
    /// What it is, above its label.
    kicker: String,
    label: String,
}

/// An edge in its place.
#[derive(Debug, Serialize)]
struct Drawn {
    from: String,
    to: String,
    relation: String,
    basis: String,
    /// The line, as path data: from the source to what came of it.
    path: String,
}

impl Drawing {
    /// Draws the nodes that are wanted.
    pub(super) fn of(trace: &Value, wanted: impl Fn(&Value) -> bool) -> Self {
        let nodes: Vec<&Value> = list(&trace["nodes"]).filter(|node| wanted(node)).collect();
        let place: BTreeMap<&str, usize> = nodes.iter().enumerate().map(|(at, node)| (text(node, "id"), at)).collect();
        let edges: Vec<(usize, usize, &Value)> = list(&trace["edges"])
            .filter_map(|edge| Some((*place.get(text(edge, "from"))?, *place.get(text(edge, "to"))?, edge)))
            .collect();
        let sources: Vec<(usize, usize)> =
            edges.iter().filter(|(.., edge)| edge["relation"] != "quotes").map(|(from, to, _)| (*from, *to)).collect();
        let layers = layers(nodes.len(), &sources);
        let lanes = Lanes::of(&layers, &edges.iter().map(|(from, to, _)| (*from, *to)).collect::<Vec<_>>());
        let tops = lanes.tops(nodes.len());
        let placed: Vec<Placed> =
            nodes.iter().enumerate().map(|(at, node)| Placed::new(node, layers[at], tops[at])).collect();
        let drawn = edges.iter().enumerate().map(|(number, (from, to, edge))| {
            let passed = lanes.passed[number].iter().map(|at| (column(lanes.layers[*at]), tops[*at] + LANE / 2));
            Drawn::new(edge, &placed[*to], &placed[*from], passed.collect())
        });
        let drawn = drawn.collect();
        let most = |of: fn(&Placed) -> i64| placed.iter().map(of).max().unwrap_or_default() + EDGE;
        let lowest = tops.iter().skip(placed.len()).map(|top| top + LANE + EDGE).max().unwrap_or_default();
        let (width, height) = (most(|it| it.x + it.width), most(|it| it.y + it.height).max(lowest));
        Self { width, height, nodes: placed, edges: drawn }
    }
}

/// The layer of each node: behind everything that it came from, and no further left of what came of it than it must be.
fn layers(nodes: usize, sources: &[(usize, usize)]) -> Vec<usize> {
    let mut layers = vec![0; nodes];
    // There are no circles, so that no way is longer than there are nodes.
    for _ in 0..nodes {
        for &(from, to) in sources {
            layers[from] = layers[from].max(layers[to] + 1).min(nodes);
        }
    }
    let first = layers.clone();
    for _ in 0..nodes {
        for at in 0..nodes {
            let after = sources.iter().filter(|(_, to)| *to == at).map(|(from, _)| layers[*from]);
            if let Some(nearest) = after.min() {
                layers[at] = first[at].max(nearest.saturating_sub(1));
            }
        }
    }
    layers
}

/// Where a layer begins.
fn column(layer: usize) -> i64 {
    EDGE + i64::try_from(layer).unwrap_or_default() * (WIDTH + GAP)
}

/// The nodes, and behind them a place in every layer that an edge passes, so that no edge runs behind a node.
struct Lanes {
    layers: Vec<usize>,
    /// What is joined: later and earlier, each in the layer beside the other's.
    joined: Vec<(usize, usize)>,
    /// For each edge the places that it passes, the source's side first.
    passed: Vec<Vec<usize>>,
}

impl Lanes {
    fn of(layers: &[usize], edges: &[(usize, usize)]) -> Self {
        let mut lanes = Self { layers: layers.to_vec(), joined: Vec::new(), passed: Vec::new() };
        for &(from, to) in edges {
            let mut before = to;
            let between = layers[to] + 1..layers[from];
            let passed: Vec<usize> = between.map(|layer| lanes.pass(layer, &mut before)).collect();
            lanes.joined.push((from, before));
            lanes.passed.push(passed);
        }
        lanes
    }

    fn pass(&mut self, layer: usize, before: &mut usize) -> usize {
        let at = self.layers.len();
        self.layers.push(layer);
        self.joined.push((at, *before));
        *before = at;
        at
    }

    /// The upper edge of each place, the first of which are nodes.
    fn tops(&self, nodes: usize) -> Vec<i64> {
        let rows = rows(&self.layers, &self.joined);
        let mut order: Vec<usize> = (0..self.layers.len()).collect();
        order.sort_by_key(|at| (self.layers[*at], rows[*at]));
        let (mut tops, mut next) = (vec![0; self.layers.len()], BTreeMap::new());
        for at in order {
            let top: &mut i64 = next.entry(self.layers[at]).or_insert(EDGE);
            tops[at] = *top;
            *top += if at < nodes { ROW } else { LANE };
        }
        tops
    }
}

/// The place of each node in its layer: near the middle of what it is joined to.
fn rows(layers: &[usize], sources: &[(usize, usize)]) -> Vec<usize> {
    let mut columns: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (at, layer) in layers.iter().enumerate() {
        columns.entry(*layer).or_default().push(at);
    }
    let mut rows = vec![0; layers.len()];
    columns.values().for_each(|column| column.iter().enumerate().for_each(|(row, at)| rows[*at] = row));
    for round in 0..6 {
        let mut order: Vec<usize> = columns.keys().copied().collect();
        if round % 2 == 0 {
            order.reverse();
        }
        for layer in order {
            let Some(column) = columns.get_mut(&layer) else { continue };
            column.sort_by_key(|at| middle(*at, &rows, sources));
            column.iter().enumerate().for_each(|(row, at)| rows[*at] = row);
        }
    }
    rows
}

/// The middle of the places of what a node is joined to, in thousandths.
fn middle(at: usize, rows: &[usize], sources: &[(usize, usize)]) -> usize {
    let joined = sources.iter().filter_map(|(from, to)| match at {
        at if at == *from => Some(rows[*to]),
        at if at == *to => Some(rows[*from]),
        _ => None,
    });
    let (sum, many) = joined.fold((0_usize, 0_usize), |(sum, many), row| (sum + row * 1000, many + 1));
    sum.checked_div(many).unwrap_or(rows[at] * 1000)
}

impl Placed {
    fn new(node: &Value, layer: usize, top: i64) -> Self {
        let kind = text(node, "kind").to_owned();
        let height = if kind == "decision" { 64 } else { 52 };
        let (x, y) = (column(layer), top + (64 - height) / 2);
        let fits = if kind == "decision" { FITS_DIAMOND } else { FITS };
        Self {
            id: text(node, "id").to_owned(),
            shape: shape(&kind, x, y, height),
            kicker: short(&kicker(node), fits),
            label: short(label(node), fits),
            kind,
            x,
            y,
            width: WIDTH,
            height,
        }
    }

    fn middle(&self) -> i64 {
        self.y + self.height / 2
    }
}

impl Drawn {
    fn new(edge: &Value, source: &Placed, effect: &Placed, passed: Vec<(i64, i64)>) -> Self {
        let mut at = (source.x + source.width, source.middle());
        let mut path = format!("M{} {}", at.0, at.1);
        for (x, y) in passed {
            path += &turn(at, (x, y));
            path += &format!("H{}", x + WIDTH);
            at = (x + WIDTH, y);
        }
        path += &turn(at, (effect.x, effect.middle()));
        let of = |field: &str| text(edge, field).to_owned();
        Self { from: of("from"), to: of("to"), relation: of("relation"), basis: of("basis"), path }
    }
}

/// A curve that leaves and arrives level.
fn turn((x, y): (i64, i64), (to_x, to_y): (i64, i64)) -> String {
    let bend = ((to_x - x) / 2).max(GAP / 2);
    format!("C{} {y} {} {to_y} {to_x} {to_y}", x + bend, to_x - bend)
}

/// The outline of a node.
fn shape(kind: &str, x: i64, y: i64, height: i64) -> String {
    let (right, bottom, middle) = (x + WIDTH, y + height, y + height / 2);
    match kind {
        "decision" => format!("M{x} {middle}L{} {y}L{right} {middle}L{} {bottom}Z", x + WIDTH / 2, x + WIDTH / 2),
        "model" => {
            format!("M{x} {middle}L{} {y}H{}L{right} {middle}L{} {bottom}H{}Z", x + 14, right - 14, right - 14, x + 14)
        }
        "input" => format!("M{} {y}H{right}L{} {bottom}H{x}Z", x + 12, right - 12),
        "document" => {
            format!("M{x} {y}H{}L{right} {}V{bottom}H{x}ZM{} {y}V{}H{right}", right - 12, y + 12, right - 12, y + 12)
        }
        "person" => rounded(x, y, height, height / 2),
        _ => rounded(x, y, height, 10),
    }
}

fn rounded(x: i64, y: i64, height: i64, r: i64) -> String {
    let (across, down) = (WIDTH - 2 * r, height - 2 * r);
    format!(
        "M{} {y}h{across}a{r} {r} 0 0 1 {r} {r}v{down}a{r} {r} 0 0 1 -{r} {r}h-{across}a{r} {r} 0 0 1 -{r} -{r}v-{down}a{r} {r} 0 0 1 {r} -{r}Z",
        x + r
    )
}

/// What a node is, in a word or two.
fn kicker(node: &Value) -> String {
    let number = |field: &str| node[field].as_u64().unwrap_or_default();
    match text(node, "id").split(':').next().unwrap_or_default() {
        "step" if node["kind"] == "model" => format!("Model, step {}", number("stepNumber")),
        "step" => format!("Step {}", number("stepNumber")),
        "artifact" if node["line"].is_u64() => format!("Line {}", number("line")),
        "artifact" => "Artifact".to_owned(),
        "item" if node["path"].is_string() => format!("In {}", text(node, "itemKey")),
        "item" => "Item".to_owned(),
        "snapshot" => "Snapshot".to_owned(),
        "approval" => "Approval".to_owned(),
        "person" => "Person".to_owned(),
        "input" => "Input".to_owned(),
        "answer" => "Answer".to_owned(),
        "run" => "Another run".to_owned(),
        "output" => "End".to_owned(),
        _ => "Decision".to_owned(),
    }
}

/// The label without what the word above it says already.
fn label(node: &Value) -> &str {
    let label = text(node, "label");
    if node["line"].is_u64() { label.split_once(": ").map_or(label, |(_, rest)| rest) } else { label }
}

/// A text cut to so many characters. What hides is not counted: it is made visible when it is printed, and is longer then.
fn short(text: &str, most: usize) -> String {
    let seen = crate::visible::safe_line(text);
    if seen.chars().count() <= most {
        return seen;
    }
    seen.chars().take(most - 1).chain(['…']).collect()
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn text<'v>(value: &'v Value, field: &str) -> &'v str {
    value[field].as_str().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    const KINDS: [&str; 6] = ["document", "step", "decision", "person", "model", "input"];

    fn trace(nodes: usize, edges: &[(usize, usize)]) -> Value {
        let node = |at: usize| json!({ "id": format!("step:{at}"), "kind": KINDS[at % 6], "label": "x".repeat(at) });
        let edge = |(from, to): &(usize, usize)| json!({ "from": format!("step:{from}"), "to": format!("step:{to}"), "relation": "used" });
        json!({ "nodes": (0..nodes).map(node).collect::<Vec<_>>(), "edges": edges.iter().map(edge).collect::<Vec<_>>() })
    }

    #[test]
    fn what_hides_and_what_is_long_stays_inside_of_its_node() {
        let label = format!("{}\u{202e}evil\n<script>", "w".repeat(20));
        assert_eq!(short(&label, FITS), "wwwwwwwwwwwwwwwwwww…");
        assert_eq!(short("plain", FITS), "plain");
    }

    #[test]
    fn nothing_is_drawn_of_nothing() {
        let drawing = Drawing::of(&json!({}), |_| true);
        assert_eq!((drawing.nodes.len(), drawing.edges.len(), drawing.width), (0, 0, EDGE));
    }

    proptest! {
        #[test]
        fn sources_stand_left_of_what_came_of_them_and_no_node_on_another(
            pairs in prop::collection::vec((0..30_usize, 0..30_usize), 0..60),
        ) {
            let edges: Vec<(usize, usize)> = pairs.iter().filter(|(one, other)| one != other)
                .map(|(one, other)| (*one.max(other), *one.min(other))).collect();
            let drawing = Drawing::of(&trace(30, &edges), |_| true);
            for (from, to) in edges {
                prop_assert!(drawing.nodes[to].x < drawing.nodes[from].x);
            }
            for (at, one) in drawing.nodes.iter().enumerate() {
                prop_assert!(one.x + one.width <= drawing.width && one.y + one.height <= drawing.height);
                for other in &drawing.nodes[at + 1..] {
                    prop_assert!(one.x != other.x || (one.y - other.y).abs() >= ROW - 12);
                }
            }
        }
    }
}
