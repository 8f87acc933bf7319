//! A data dir has one holder at a time. It tells the holder's address only while the holder runs.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

use node::config::data_dir::{
    COOKIE_FILE, DataDir, DataDirError, LOCK_FILE, RPC_FILE, RpcInfo, find_node, read_cookie, read_rpc,
};
use tempfile::tempdir;

fn info() -> RpcInfo {
    RpcInfo {
        pid: 7,
        peer_id: "12D3".to_owned(),
        public_key: "00".to_owned(),
        rpc: Some("127.0.0.1:30401".to_owned()),
        listen: vec!["/ip4/127.0.0.1/tcp/30400/p2p/12D3".to_owned()],
    }
}

#[test]
fn a_held_lock_names_its_holder_and_goes_with_it() {
    let dir = tempdir().expect("a directory");
    let path = dir.path().join("a/b");
    let held = DataDir::lock(&path).expect("free");
    let pid = std::process::id().to_string();
    match DataDir::lock(&path).expect_err("held") {
        DataDirError::Locked { pid: Some(holder), .. } => assert_eq!(holder, pid),
        other => panic!("{other}"),
    }
    assert!(DataDir::lock(&path).expect_err("held").to_string().contains(&format!("(pid {pid})")));
    drop(held);
    DataDir::lock(&path).expect("free again, though the file is still there");
}

#[test]
fn an_old_pid_in_the_lock_file_holds_nobody_up() {
    let dir = tempdir().expect("a directory");
    fs::write(dir.path().join(LOCK_FILE), "4194304999 and more than a pid\n").expect("written");
    let _held = DataDir::lock(dir.path()).expect("nobody holds it");
    let text = fs::read_to_string(dir.path().join(LOCK_FILE)).expect("text");
    assert_eq!(text, format!("{}\n", std::process::id()));
}

#[test]
fn rpc_json_is_there_while_held_only() {
    let dir = tempdir().expect("a directory");
    assert_eq!(read_rpc(dir.path()).expect("readable"), None);
    // A killed node left one behind.
    fs::write(dir.path().join(RPC_FILE), "{}").expect("written");
    let held = DataDir::lock(dir.path()).expect("free");
    assert_eq!(read_rpc(dir.path()).expect("readable"), None);
    held.write_rpc(&info()).expect("written");
    assert_eq!(read_rpc(dir.path()).expect("readable"), Some(info()));
    drop(held);
    assert_eq!(read_rpc(dir.path()).expect("readable"), None);
    let left: Vec<_> =
        fs::read_dir(dir.path()).expect("a directory").map(|entry| entry.expect("one").file_name()).collect();
    assert_eq!(left, [LOCK_FILE]);
}

#[test]
fn an_rpc_json_that_nobody_holds_leads_nowhere() {
    let dir = tempdir().expect("a directory");
    let held = DataDir::lock(dir.path()).expect("free");
    assert_eq!(find_node(dir.path()).expect("nothing is wrong"), None);
    // Of one before, which the holder is about to remove.
    held.write_rpc(&info()).expect("written");
    assert_eq!(find_node(dir.path()).expect("it is held"), None);
    let ours = RpcInfo { pid: std::process::id(), ..info() };
    held.write_rpc(&ours).expect("written");
    assert_eq!(find_node(dir.path()).expect("it is held"), Some(ours.clone()));
    let left = fs::read(dir.path().join(RPC_FILE)).expect("it is there");
    drop(held);
    // As after a kill.
    fs::write(dir.path().join(RPC_FILE), left).expect("written");
    match find_node(dir.path()).expect_err("nobody holds it") {
        DataDirError::Killed { pid, .. } => assert_eq!(pid, ours.pid),
        other => panic!("{other}"),
    }
}

#[test]
fn a_cookie_is_its_owners_alone_and_goes_with_the_lock() {
    let dir = tempdir().expect("a directory");
    let path = dir.path().join(COOKIE_FILE);
    // A killed node left one, or somebody put a link there.
    std::os::unix::fs::symlink(dir.path().join("elsewhere"), &path).expect("a link");
    let held = DataDir::lock(dir.path()).expect("free");
    assert_eq!(read_cookie(dir.path()), None);
    let cookie = held.write_cookie().expect("written");
    assert_eq!(read_cookie(dir.path()), Some(cookie.clone()));
    assert_eq!(fs::symlink_metadata(&path).expect("it is there").mode() & 0o7777, 0o600);
    assert!(!format!("{cookie:?}").contains(&cookie.to_text()[..8]));
    drop(held);
    assert_eq!(read_cookie(dir.path()), None);
    let another = DataDir::lock(dir.path()).expect("free").write_cookie().expect("written");
    assert_ne!(another, cookie);
}

#[test]
fn a_data_dir_in_which_everybody_may_write_is_refused() {
    let dir = tempdir().expect("a directory");
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o777)).expect("set");
    assert!(matches!(DataDir::lock(dir.path()), Err(DataDirError::OpenToAll(_))));
    assert!(!dir.path().join(LOCK_FILE).exists());
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o775)).expect("set");
    DataDir::lock(dir.path()).expect("a group may");
}

#[test]
fn links_lead_nowhere_and_rpc_json_is_its_owners_to_write() {
    let dir = tempdir().expect("a directory");
    let victim = dir.path().join("victim");
    fs::write(&victim, "precious").expect("written");
    std::os::unix::fs::symlink(&victim, dir.path().join(LOCK_FILE)).expect("a link");
    assert!(matches!(DataDir::lock(dir.path()), Err(DataDirError::Io { .. })));
    fs::remove_file(dir.path().join(LOCK_FILE)).expect("it is there");
    std::os::unix::fs::symlink(&victim, dir.path().join("rpc.json.new")).expect("a link");
    let held = DataDir::lock(dir.path()).expect("free");
    held.write_rpc(&info()).expect("written");
    assert_eq!(fs::metadata(dir.path().join(RPC_FILE)).expect("it is there").mode() & 0o022, 0);
    assert_eq!(fs::read_to_string(&victim).expect("text"), "precious");
}

#[test]
fn rpc_json_has_the_fields_that_other_programs_read() {
    let text = serde_json::to_string(&info()).expect("json");
    assert_eq!(
        text,
        r#"{"pid":7,"peer_id":"12D3","public_key":"00","rpc":"127.0.0.1:30401","listen":["/ip4/127.0.0.1/tcp/30400/p2p/12D3"]}"#
    );
}
