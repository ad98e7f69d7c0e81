//! Known roots from the certificate-transparency reference tests, and brute force over every small tree.

use proptest::prelude::*;

use super::*;

/// The leaves of the reference tests of Certificate Transparency.
fn reference_leaves() -> Vec<Digest> {
    let leaves: [&[u8]; 8] = [
        b"",
        &[0x00],
        &[0x10],
        &[0x20, 0x21],
        &[0x30, 0x31],
        &[0x40, 0x41, 0x42, 0x43],
        &[0x50, 0x51, 0x52, 0x53, 0x54, 0x55, 0x56, 0x57],
        &[0x60, 0x61, 0x62, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68, 0x69, 0x6a, 0x6b, 0x6c, 0x6d, 0x6e, 0x6f],
    ];
    leaves.iter().map(|leaf| Digest::of_leaf(leaf)).collect()
}

fn leaves(count: u64) -> Vec<Digest> {
    (0..count).map(|index| Digest::of_leaf(&index.to_be_bytes())).collect()
}

/// The tree hash, word for word as RFC 6962, section 2.1 defines it.
fn mth(leaves: &[Digest]) -> Digest {
    match leaves {
        [] => empty_root(),
        [leaf] => *leaf,
        _ => {
            let (left, right) = leaves.split_at(leaves.len().next_power_of_two() / 2);
            parent(&mth(left), &mth(right))
        }
    }
}

/// Serves every complete subtree of these leaves.
fn nodes(leaves: &[Digest]) -> impl Nodes {
    |node: Node| {
        let (start, end) = (node.index << node.level, (node.index + 1) << node.level);
        leaves.get(start as usize..end as usize).map(mth)
    }
}

fn head(leaves: &[Digest], size: u64) -> Head {
    Head { size, root: mth(&leaves[..size as usize]) }
}

fn frontier(leaves: &[Digest]) -> Frontier {
    let mut frontier = Frontier::new();
    for leaf in leaves {
        frontier.push(*leaf);
    }
    frontier
}

#[test]
fn roots_are_those_of_certificate_transparency() {
    let leaves = reference_leaves();
    let roots: String = (0..=8).map(|size| frontier(&leaves[..size]).root().hex() + "\n").collect();
    insta::assert_snapshot!(roots, @"
    e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
    6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d
    fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125
    aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77
    d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7
    4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4
    76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef
    ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c
    5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328
    ");
}

#[test]
fn proofs_are_those_of_certificate_transparency() {
    let leaves = reference_leaves();
    let short = |proof: Vec<Digest>| proof.iter().map(|hash| hash.hex()[..8].to_owned()).collect::<Vec<_>>().join(" ");
    let inclusion = |index, size| short(inclusion(&nodes(&leaves), index, size).unwrap());
    let consistency = |from, to| short(consistency(&nodes(&leaves), from, to).unwrap());
    insta::assert_snapshot!(inclusion(0, 8), @"96a296d2 5f083f0a 6b47aaf2");
    insta::assert_snapshot!(inclusion(5, 8), @"bc1a0643 ca854ea1 d37ee418");
    insta::assert_snapshot!(inclusion(2, 3), @"fac54203");
    insta::assert_snapshot!(inclusion(1, 5), @"6e340b9c 5f083f0a bc1a0643");
    insta::assert_snapshot!(consistency(1, 8), @"96a296d2 5f083f0a 6b47aaf2");
    insta::assert_snapshot!(consistency(6, 8), @"0ebc5d34 ca854ea1 d37ee418");
    insta::assert_snapshot!(consistency(2, 5), @"5f083f0a bc1a0643");
}

#[test]
fn every_leaf_of_every_small_tree_is_proven_and_no_other() {
    let leaves = leaves(70);
    for size in 1..=70 {
        let root = mth(&leaves[..size as usize]);
        for index in 0..size {
            let proof = inclusion(&nodes(&leaves), index, size).unwrap();
            for (claimed, leaf) in leaves.iter().enumerate() {
                let proven = verify_inclusion(leaf, index, size, &proof, &root);
                assert_eq!(proven.is_ok(), claimed as u64 == index, "leaf {claimed} at {index} of {size}");
            }
            let longer = [proof.clone(), vec![root]].concat();
            assert_eq!(verify_inclusion(&leaves[index as usize], index, size, &longer, &root), Err(NotProven));
            if let Some((_, shorter)) = proof.split_last() {
                assert_eq!(verify_inclusion(&leaves[index as usize], index, size, shorter, &root), Err(NotProven));
            }
            let asked = nodes_for_inclusion(index, size);
            assert!(asked.len() <= 2 * size.ilog2() as usize + 2, "{} hashes for {size} leaves", asked.len());
        }
    }
}

#[test]
fn every_small_tree_is_consistent_with_its_past_and_no_other() {
    let leaves = leaves(70);
    let mut other = leaves.clone();
    other[0] = Digest::of(b"another history");
    for to in 1..=70 {
        for from in 1..=to {
            let proof = consistency(&nodes(&leaves), from, to).unwrap();
            let (old, new) = (head(&leaves, from), head(&leaves, to));
            assert_eq!(verify_consistency(&old, &new, &proof), Ok(()), "{from} to {to}");
            assert_eq!(verify_consistency(&head(&other, from), &new, &proof), Err(NotProven));
            assert_eq!(verify_consistency(&old, &head(&other, to), &proof), Err(NotProven));
            if from < to {
                assert_eq!(verify_consistency(&new, &old, &proof), Err(NotProven));
            }
        }
    }
}

#[test]
fn every_tree_begins_with_nothing() {
    let leaves = leaves(3);
    assert_eq!(verify_consistency(&head(&leaves, 0), &head(&leaves, 3), &[]), Ok(()));
    assert_eq!(verify_consistency(&Head { size: 0, root: leaves[0] }, &head(&leaves, 3), &[]), Err(NotProven));
    assert_eq!(verify_consistency(&head(&leaves, 0), &head(&leaves, 3), &leaves), Err(NotProven));
}

proptest! {
    #[test]
    fn a_changed_proof_proves_nothing(size in 1..300u64, index in any::<u64>(), step in any::<prop::sample::Index>(), bit in 0..256usize) {
        let (leaves, index) = (leaves(size), index % size);
        let (root, leaf) = (mth(&leaves), leaves[index as usize]);
        let mut proof = inclusion(&nodes(&leaves), index, size).unwrap();
        prop_assert_eq!(verify_inclusion(&leaf, index, size, &proof, &root), Ok(()));
        if !proof.is_empty() {
            let step = step.index(proof.len());
            proof[step].0[bit / 8] ^= 1 << (bit % 8);
            prop_assert_eq!(verify_inclusion(&leaf, index, size, &proof, &root), Err(NotProven));
        }
    }

    #[test]
    fn a_frontier_knows_the_root_and_survives_a_restart(size in 0..600u64) {
        let leaves = leaves(size);
        let frontier = frontier(&leaves);
        prop_assert_eq!(frontier.root(), mth(&leaves));
        prop_assert_eq!(Frontier::from_bytes(&frontier.to_bytes()), Ok(frontier));
    }
}

#[test]
fn bytes_of_another_length_are_not_a_frontier() {
    let mut bytes = frontier(&leaves(5)).to_bytes();
    assert_eq!(bytes.len(), 8 + 2 * 32);
    bytes.push(0);
    for wrong in [&bytes[..], &bytes[..40], &bytes[..7], &[]] {
        assert_eq!(Frontier::from_bytes(wrong), Err(NotAFrontier));
    }
}

#[test]
fn leaf_hashes_and_what_the_frontier_hands_out_are_enough_for_every_proof() {
    let leaves = leaves(66_000);
    let mut frontier = Frontier::new();
    let mut kept: Vec<(Node, Digest)> = leaves.iter().flat_map(|leaf| frontier.push(*leaf)).collect();
    assert_eq!(kept.len(), 66_000 / 256 + 1);
    kept.sort_by_key(|(node, _)| *node);
    let read = |level: u8, first: u64, count: u64| -> Option<Vec<Digest>> {
        let places = first..first + count;
        match level {
            0 => leaves.get(places.start as usize..places.end as usize).map(<[_]>::to_vec),
            _ => Some(
                kept.iter()
                    .filter(|(node, _)| node.level == 8 * level && places.contains(&node.index))
                    .map(|(_, hash)| *hash)
                    .collect(),
            ),
        }
    };
    let tiled = TiledNodes(read);
    let new = Head { size: 66_000, root: frontier.root() };
    for index in [0, 255, 256, 65_535, 65_536, 65_999] {
        let proof = inclusion(&tiled, index, 66_000).unwrap();
        assert_eq!(verify_inclusion(&leaves[index as usize], index, 66_000, &proof, &new.root), Ok(()));
    }
    for from in [1, 256, 300, 65_536, 65_537] {
        let old = Head { size: from, root: root(&tiled, from).unwrap() };
        assert_eq!(verify_consistency(&old, &new, &consistency(&tiled, from, 66_000).unwrap()), Ok(()));
    }
    assert_eq!(root(&tiled, 66_001), Err(MissingNode(Node { level: 0, index: 66_000 })));
}

#[test]
fn a_tile_is_named_by_its_path() {
    let tile = |level, index, width| Tile { level, index, width };
    for (tile, path) in [
        (tile(0, 0, 256), "tile/0/000"),
        (tile(0, 1_234_067, 256), "tile/0/x001/x234/067"),
        (tile(2, 1_000, 12), "tile/2/x001/000.p/12"),
    ] {
        assert_eq!((tile.to_string().as_str(), path.parse()), (path, Ok(tile)));
    }
    for wrong in
        ["tile/0/0", "tile/0/x000/001", "tile/00/000", "tile/0/000.p/256", "tile/0/000.p/0", "tile/64/000", "tile/0"]
    {
        assert!(wrong.parse::<Tile>().is_err(), "{wrong}");
    }
}

#[test]
fn a_tree_has_the_tiles_that_the_specification_counts() {
    let has = |path: &str| path.parse::<Tile>().unwrap().is_in(70_000);
    assert!(has("tile/0/272") && has("tile/0/273.p/112") && !has("tile/0/273.p/113"));
    assert!(has("tile/1/000") && has("tile/1/001.p/17") && !has("tile/1/001"));
    assert!(has("tile/2/000.p/1") && !has("tile/2/000.p/2") && !has("tile/3/000.p/1"));
}
