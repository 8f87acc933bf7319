//! `node config` and `node config check`: their output, and their exit status.

use clap::CommandFactory as _;
use node::cli::Cli;
use node::cli::setup::show::table;
use tempfile::tempdir;

use crate::support::program::node;

#[test]
fn every_setting_stands_in_an_aligned_table_that_fits() {
    let long = "/ip4/192.0.2.1/tcp/30400,/ip4/192.0.2.2/tcp/30400,/ip4/192.0.2.3/tcp/30400";
    let words = ["node", "config", "--ephemeral", "--bootstrap", long, "--memory", "64MiB"].map(Into::into);
    let cli = Cli::read_from(words).expect("good");
    let text = table(&cli.effective, 100);
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 1 + cli.effective.settings.len());
    let origin = lines[0].find("ORIGIN").expect("a head");
    let of = |key: &str| *lines.iter().find(|line| line.starts_with(&format!("{key} "))).expect("a line");
    for (key, from) in [
        ("bootstrap", "--bootstrap"),
        ("network", "default"),
        ("memory", "--memory"),
        ("max-peers-in", "memory 64MiB"),
        ("ping-interval", "members-preset wan"),
        ("prune-bytes", "default"),
    ] {
        let shown: String = of(key).chars().skip(origin).collect();
        assert_eq!(shown, from, "{}", of(key));
    }
    assert!(of("prune-bytes").split_whitespace().nth(1) == Some("-"), "{text}");
    assert!(lines.iter().all(|line| line.chars().count() <= 100), "{text}");
    assert!(table(&cli.effective, 200).contains("/ip4/192.0.2.1/tcp/30400, /ip4/192.0.2.2/tcp/30400"));
}

#[test]
fn check_says_all_mistakes_of_a_file_and_ends_with_2() {
    let home = tempdir().expect("a directory");
    let run = |args: &[&str]| {
        let output = node(home.path()).current_dir(home.path()).args(args).output().expect("it starts");
        let text = |bytes| String::from_utf8(bytes).expect("text");
        (output.status.code(), text(output.stdout), text(output.stderr))
    };
    std::fs::write(home.path().join("bad.toml"), "max-peers-inn = 3\n\nno-rpc = 1\n").expect("written");
    std::fs::write(home.path().join("good.toml"), "max-peers-in = 3\n").expect("written");
    let (code, said, mistakes) = run(&["config", "check", "bad.toml"]);
    assert_eq!((code, said.as_str()), (Some(2), ""));
    assert!(mistakes.contains("bad.toml:1: max-peers-inn is no setting"), "{mistakes}");
    assert!(mistakes.contains("bad.toml:3: no-rpc is a whole number"), "{mistakes}");
    let (code, said, mistakes) = run(&["config", "check", "good.toml"]);
    assert_eq!((code, said.as_str(), mistakes.as_str()), (Some(0), "good.toml: no mistakes\n", ""));
    assert_eq!(run(&["config", "check", "missing.toml"]).0, Some(1));
}

#[test]
fn the_settings_end_with_what_the_memory_comes_to() {
    let home = tempdir().expect("a directory");
    let output = node(home.path()).args(["config", "--memory", "128MiB"]).output().expect("it starts");
    let text = String::from_utf8(output.stdout).expect("text");
    assert!(
        text.contains("memory 128MiB holds a mempool of 16.0 MiB, 4.0 MiB of blocks, 32,768 confirmed"),
        "{text}"
    );
    let last = text.lines().last().expect("a line");
    assert!(last.starts_with("Everything that it sets comes to ") && last.contains("come to "), "{last}");
}

#[test]
fn a_switch_takes_a_value_only_where_it_is_written_behind_it() {
    let flag = |words: &[&str]| {
        let cli = Cli::read_from(words.iter().copied().map(Into::into)).expect("good");
        (cli.run.no_rpc, cli.run.ephemeral)
    };
    assert_eq!(flag(&["node", "--ephemeral", "--no-rpc"]), (true, true));
    assert_eq!(flag(&["node", "--ephemeral=true", "--no-rpc=false"]), (false, true));
    assert_eq!(flag(&["node", "--ephemeral=0"]), (false, false));
    let wrong = Cli::read_from(["node", "--no-rpc=perhaps"].map(Into::into)).expect_err("no switch");
    assert!(wrong.to_string().contains("--no-rpc"), "{wrong}");
    let command = Cli::command();
    let no_rpc = command.get_arguments().find(|arg| arg.get_id() == "no_rpc").expect("a flag");
    assert!(matches!(no_rpc.get_action(), clap::ArgAction::SetTrue));
}
