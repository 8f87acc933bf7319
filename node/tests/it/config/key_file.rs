//! A key file is made once, read forever, never replaced, and never used while others may read it.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;

use libp2p::PeerId;
use node::config::identity::{Identity, IdentityError, key_of, peer_of};
use tempfile::tempdir;

#[test]
fn is_made_once_with_mode_0600_and_read_back() {
    let dir = tempdir().expect("a directory");
    let path = dir.path().join("new/key");
    let (made, new) = Identity::load_or_make(&path).expect("a key");
    assert!(new);
    assert_eq!(fs::metadata(&path).expect("a file").permissions().mode() & 0o777, 0o600);
    let text = fs::read_to_string(&path).expect("text");
    assert_eq!(text.len(), 65);
    assert!(text.ends_with('\n') && text.trim_end().bytes().all(|c| c.is_ascii_hexdigit()));

    let (read, new) = Identity::load_or_make(&path).expect("the key");
    assert!(!new);
    assert_eq!(read.peer_id(), made.peer_id());
    assert_eq!(fs::read_to_string(&path).expect("text"), text);
}

#[test]
fn gives_signing_key_and_peer_id_of_the_same_seed() {
    // RFC 8032, section 7.1, test 1.
    let mut seed = [0; 32];
    hex::decode_to_slice("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60", &mut seed)
        .expect("hex");
    let identity = Identity::from_seed(seed);
    let public = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
    assert_eq!(identity.public_key().to_string(), public);
    let libp2p = identity.keypair().public().try_into_ed25519().expect("an ed25519 key");
    assert_eq!(hex::encode(libp2p.to_bytes()), public);
    assert!(!format!("{identity:?}").contains("9d61b1"));
}

#[test]
fn missing_is_an_error_that_names_the_command() {
    let dir = tempdir().expect("a directory");
    let path = dir.path().join("key");
    let error = Identity::load(&path).expect_err("no file");
    assert!(matches!(error, IdentityError::Missing(_)));
    assert!(error.to_string().contains(&format!("node key generate --out {}", path.display())));
    assert!(!path.exists());
}

#[test]
fn an_existing_file_is_never_replaced() {
    let dir = tempdir().expect("a directory");
    let path = dir.path().join("key");
    fs::write(&path, "something else").expect("written");
    let error = Identity::from_seed([1; 32]).save_new(&path).expect_err("it exists");
    assert!(matches!(error, IdentityError::Exists(_)));
    assert_eq!(fs::read_to_string(&path).expect("text"), "something else");
}

#[test]
fn wider_permissions_are_refused_with_the_cure() {
    let dir = tempdir().expect("a directory");
    let path = dir.path().join("key");
    Identity::from_seed([1; 32]).save_new(&path).expect("saved");
    for mode in [0o640, 0o604, 0o610, 0o622] {
        fs::set_permissions(&path, Permissions::from_mode(mode)).expect("changed");
        let error = Identity::load(&path).expect_err("others may use it");
        assert!(error.to_string().contains("chmod 600"), "{error}");
    }
    fs::set_permissions(&path, Permissions::from_mode(0o400)).expect("changed");
    Identity::load(&path).expect("narrower is fine");
}

#[test]
fn damage_is_told_and_left_alone() {
    let dir = tempdir().expect("a directory");
    let path = dir.path().join("key");
    let good = hex::encode([7; 32]);
    for bad in ["".to_owned(), "zz".repeat(32), good[..62].to_owned(), format!("{good}00\n"), good.repeat(2)] {
        for mode in [0o600, 0o644] {
            fs::write(&path, &bad).expect("written");
            fs::set_permissions(&path, Permissions::from_mode(mode)).expect("changed");
            let error = Identity::load_or_make(&path).expect_err("damaged");
            assert!(matches!(error, IdentityError::Damaged(_)), "{error}");
            assert_eq!(fs::read_to_string(&path).expect("text"), bad);
        }
    }
}

#[test]
fn what_is_no_key_file_is_called_so_and_nobody_is_told_to_change_its_rights() {
    let dir = tempdir().expect("a directory");
    let long = dir.path().join("long");
    fs::write(&long, "0".repeat(129)).expect("written");
    fs::set_permissions(&long, Permissions::from_mode(0o644)).expect("changed");
    for path in [dir.path(), long.as_path(), "/etc".as_ref(), "/etc/passwd".as_ref(), "/dev/null".as_ref()] {
        let error = Identity::load_or_make(path).expect_err("no key").to_string();
        assert!(error.contains("is no key file") && !error.contains("chmod"), "{error}");
    }
}

#[test]
fn a_peer_id_has_the_key_in_it_if_that_is_an_ed25519_key() {
    let identity = Identity::from_seed([5; 32]);
    assert_eq!(key_of(&identity.peer_id()), Some(identity.public_key()));
    assert_eq!(peer_of(&identity.public_key()), Some(identity.peer_id()));
    // It stands for a hash, as those of RSA keys do.
    let hashed: PeerId = "QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N".parse().expect("a peer id");
    assert_eq!(key_of(&hashed), None);
}
