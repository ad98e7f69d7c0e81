//! AES-256-GCM-SIV over byte strings, and the layout of what is sealed. Pure.

use aes_gcm_siv::{
    Aes256GcmSiv, KeyInit, Nonce, Tag,
    aead::{AeadInOut, inout::InOutBuf},
};
use zeroize::Zeroizing;

/// Length of a key in bytes.
pub(crate) const KEY: usize = 32;
/// Length of a nonce in bytes.
pub(super) const NONCE: usize = 12;
const TAG: usize = 16;

/// A key. Its memory is overwritten when it is dropped.
pub(crate) type Secret = Zeroizing<[u8; KEY]>;

/// Appends the encrypted text and its tag to `head`, which stays readable.
pub(super) fn encrypt(key: &Secret, nonce: [u8; NONCE], bound_to: &[u8], head: &[u8], text: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(head.len() + text.len() + TAG);
    bytes.extend_from_slice(head);
    bytes.extend_from_slice(text);
    let body = InOutBuf::from(&mut bytes[head.len()..]);
    let tag = cipher(key)
        .encrypt_inout_detached(&Nonce::from(nonce), bound_to, body)
        .expect("a text in memory is far below the limit of 64 GiB");
    bytes.extend_from_slice(&tag);
    bytes
}

/// The text that [`encrypt`] was given, without the head. None when key, nonce, binding or bytes differ.
pub(super) fn decrypt(key: &Secret, nonce: [u8; NONCE], bound_to: &[u8], sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let (body, tag) = sealed.split_at_checked(sealed.len().checked_sub(TAG)?)?;
    let mut text = Zeroizing::new(body.to_vec());
    let tag = Tag::try_from(tag).ok()?;
    let buffer = InOutBuf::from(text.as_mut_slice());
    cipher(key).decrypt_inout_detached(&Nonce::from(nonce), bound_to, buffer, &tag).ok()?;
    Some(text)
}

/// Several fields as one byte string that no other fields give: each with its length before it.
pub(super) fn bound(fields: &[&[u8]]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(fields.iter().map(|field| field.len() + 8).sum());
    for field in fields {
        bytes.extend_from_slice(&(field.len() as u64).to_le_bytes());
        bytes.extend_from_slice(field);
    }
    bytes
}

fn cipher(key: &Secret) -> Aes256GcmSiv {
    Aes256GcmSiv::new((&**key).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_encrypted_opens_and_nothing_else_does() {
        let key = Secret::new([7; KEY]);
        let sealed = encrypt(&key, [1; NONCE], b"place", b"", b"text");
        assert_eq!(decrypt(&key, [1; NONCE], b"place", &sealed).unwrap().as_slice(), b"text");
        assert!(decrypt(&Secret::new([8; KEY]), [1; NONCE], b"place", &sealed).is_none());
        assert!(decrypt(&key, [2; NONCE], b"place", &sealed).is_none());
        assert!(decrypt(&key, [1; NONCE], b"other", &sealed).is_none());
        for index in 0..sealed.len() {
            let mut altered = sealed.clone();
            altered[index] ^= 1;
            assert!(decrypt(&key, [1; NONCE], b"place", &altered).is_none(), "byte {index}");
        }
        assert!(decrypt(&key, [1; NONCE], b"place", &sealed[..10]).is_none());
    }

    #[test]
    fn fields_that_join_to_the_same_text_stay_apart() {
        assert_ne!(bound(&[b"ab", b"c"]), bound(&[b"a", b"bc"]));
    }

    /// RFC 8452, appendix C.2, the case with eight bytes of text and one byte of associated data.
    #[test]
    fn the_cipher_is_the_one_of_rfc_8452() {
        let mut key = [0; KEY];
        key[0] = 1;
        let mut nonce = [0; NONCE];
        nonce[0] = 3;
        let sealed = encrypt(&Secret::new(key), nonce, &[1], b"", &[2, 0, 0, 0, 0, 0, 0, 0]);
        let hex: String = sealed.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, "1de22967237a813291213f267e3b452f02d01ae33e4ec854");
    }
}
