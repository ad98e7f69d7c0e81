use affiant_journal::{Digest, StreamId};

use super::*;
use crate::testing::Dice;

fn vault_at(folder: &Path) -> KeyVault {
    KeyVault::open(&folder.join("keys.db"), Secret::new([9; 32]), Arc::new(Dice::new(1))).unwrap()
}

fn in_place<T>(seq: u64, subject: &str, then: impl FnOnce(&Place<'_>) -> T) -> T {
    let (tenant, stream, commitment) = ("t_1".into(), StreamId::from("run_1"), Digest::of(b"commitment"));
    then(&Place { tenant: &tenant, subject, stream: &stream, seq, commitment: &commitment })
}

#[test]
fn what_is_sealed_opens_in_its_place_only() {
    let vault = KeyVault::in_memory(Arc::new(Dice::new(1))).unwrap();
    let sealed = in_place(3, "u_1", |place| vault.seal(place, "Ada").unwrap());
    assert_eq!(in_place(3, "u_1", |place| vault.open(place, &sealed).unwrap()), "Ada");
    assert!(matches!(in_place(4, "u_1", |place| vault.open(place, &sealed)), Err(VaultError::Refused)));
    assert!(matches!(in_place(3, "u_2", |place| vault.open(place, &sealed)), Err(VaultError::Refused)));
}

#[test]
fn a_destroyed_key_opens_nothing_ever_again_and_a_later_value_gets_a_new_one() {
    let folder = tempfile::tempdir().unwrap();
    let vault = vault_at(folder.path());
    let before = in_place(0, "u_1", |place| vault.seal(place, "Ada").unwrap());
    vault.erase(&"t_1".into(), "u_1").unwrap();
    assert!(matches!(in_place(0, "u_1", |place| vault.open(place, &before)), Err(VaultError::Erased)));
    let after = in_place(1, "u_1", |place| vault.seal(place, "Grace").unwrap());
    drop(vault);
    let vault = vault_at(folder.path());
    assert_eq!(in_place(1, "u_1", |place| vault.open(place, &after).unwrap()), "Grace");
    assert!(matches!(in_place(0, "u_1", |place| vault.open(place, &before)), Err(VaultError::Erased)));
}

#[test]
fn erasing_leaves_no_part_of_the_wrapped_key_in_the_folder() {
    let folder = tempfile::tempdir().unwrap();
    let vault = vault_at(folder.path());
    for subject in 0..20 {
        in_place(0, &format!("u_{subject}"), |place| vault.seal(place, "Ada").unwrap());
    }
    let sql = "SELECT wrapped FROM subjects WHERE subject = 'u_1'";
    let wrapped: Vec<u8> = vault.keys().connection().query_row(sql, [], |row| row.get(0)).unwrap();
    let found = || {
        let files = std::fs::read_dir(folder.path()).unwrap().map(|file| std::fs::read(file.unwrap().path()).unwrap());
        files.filter(|bytes| wrapped.chunks_exact(8).any(|part| bytes.windows(8).any(|found| found == part))).count()
    };
    assert!(found() > 0);
    vault.erase(&"t_1".into(), "u_1").unwrap();
    assert_eq!(found(), 0);
}

#[test]
fn keys_survive_a_restart_and_open_only_with_their_key_file() {
    let folder = tempfile::tempdir().unwrap();
    let sealed = in_place(0, "u_1", |place| vault_at(folder.path()).seal(place, "Ada").unwrap());
    assert_eq!(in_place(0, "u_1", |place| vault_at(folder.path()).open(place, &sealed).unwrap()), "Ada");
    let other = KeyVault::open(&folder.path().join("keys.db"), Secret::new([8; 32]), Arc::new(Dice::new(1)));
    assert!(matches!(other, Err(KeyError::Refused)));
}

#[test]
fn more_subjects_than_are_held_still_open() {
    let vault = KeyVault::in_memory(Arc::new(Dice::new(1))).unwrap();
    let first = in_place(0, "u_first", |place| vault.seal(place, "Ada").unwrap());
    for subject in 0..=HELD {
        in_place(0, &format!("u_{subject}"), |place| vault.seal(place, "x").unwrap());
    }
    assert_eq!(in_place(0, "u_first", |place| vault.open(place, &first).unwrap()), "Ada");
}
