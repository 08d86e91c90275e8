//! `[instance]` and `--instance`: what the user says of a machine.

use super::{ID, run, ship};
use crate::support::Sandbox;
use crate::support::imds::ImdsServer;

const LAYOUT: &str = "layout = \"{region}/{zone}/{type}/{group}/{tag:team}/{tag:env}\"\n";

#[test]
fn what_the_user_says_of_a_machine_wins_and_is_not_asked_for() {
    let (sandbox, imds) = (Sandbox::new(), ImdsServer::of(ID));
    imds.set("tags/instance/team", "shop");
    imds.set("tags/instance/env", "prod");
    let text = "[instance]\nid = \"web-1\"\ntype = \"PowerEdge R640\"\nzone = \"rack 7\"\nregion = \"ber\"\ngroup = \"web\"\n\
                image = \"debian-12\"\naddress = \"10.0.0.7\"\ntags = { team = \"blog\", env = \"test\" }\n";
    sandbox.config_file(&format!("{LAYOUT}{text}"));
    let shipped = ship(&sandbox, run(&sandbox, &imds));
    assert_eq!(shipped.instance, "web-1");
    assert_eq!(shipped.directory(), "ber/rack%207/PowerEdge%20R640/web/blog/test");
    assert_eq!(imds.requests(), 0);
    let mut named = run(&sandbox, &imds);
    named.args(["--instance", "web-2"]);
    assert_eq!(ship(&sandbox, named).instance, "web-2");

    // What he does not say is found.
    sandbox.config_file(&format!("{LAYOUT}[instance]\nregion = \"ber\"\ntags = {{ team = \"blog\" }}\n"));
    let shipped = ship(&sandbox, run(&sandbox, &imds));
    assert_eq!(shipped.directory(), "ber/eu-central-1a/m5.large/unknown/blog/prod");
    assert_eq!((shipped.instance.as_str(), imds.asked("tags/instance/team")), (ID, 0));
}

#[test]
fn a_mistake_in_what_he_says_names_line_and_key() {
    let sandbox = Sandbox::new();
    sandbox.write_log("web.log", "x\n");
    for (text, why) in [
        ("[instance]\nid = \"a_b\"", ":2: `id` in [instance]: instance name \"a_b\" holds a character outside"),
        ("[instance]\nregoin = \"x\"", ":2: unknown key `regoin` in [instance]\n  hint: did you mean `region`?"),
        ("[instance]\nzone = \"\"", ":2: `zone` in [instance]: it is empty; leave the key out"),
        ("[instance]\ntype = 3", ":2: `type` in [instance] must be a text in quotes, not a number"),
        ("[instance]\ngroup = \"a\\tb\"", ":2: `group` in [instance]: \"a\\tb\" holds a control character"),
        ("[instance]\naddress = \"here\"", ":2: `address` in [instance]: \"here\" is not an IP address"),
        ("[instance]\ntags = \"x\"", ":2: `tags` in [instance] must be a table: write [instance.tags]"),
        ("[instance]\n\ntags = { a = 1 }", ":3: `a` in [instance.tags] must be a text in quotes"),
        ("[instance]\n\ntags = { a = \"\" }", ":3: the tag \"a\" in [instance.tags]: it is empty"),
        ("\nlayout = \"{servise}\"", ":2: `layout`: \"{servise}\": {servise} is not known; did you mean {service}?"),
        ("\nlayout = \"a//b\"", ":2: `layout`: \"a//b\" holds an empty part"),
        ("\nformer_layouts = [\"{service}\", \"../x\"]", ":2: `former_layouts`: \"../x\""),
    ] {
        sandbox.config_file_verbatim(text);
        let ended = sandbox.run_all().expect(78);
        assert!(ended.stderr.contains(why), "{text}\n{}", ended.stderr);
    }
    assert!(sandbox.log("web.log").exists() && !sandbox.path("state").exists(), "nothing was touched");
}

#[test]
fn a_layout_that_is_too_long_for_the_prefix_is_a_mistake_in_its_line() {
    let sandbox = Sandbox::new();
    sandbox.write_log("web.log", "x\n");
    sandbox.config_file_verbatim("splay = \"0s\"\nlayout = \"{service}/{group}/{tag:a}\"\n");
    let run = |prefix: usize| {
        let to = format!("s3://logs/{}", "p".repeat(prefix));
        sandbox.run(["run", "--to", &to, "--dry-run", "log"])
    };
    run(300).expect(0);
    let ended = run(500).expect(78);
    let why = "logferry.toml:2: `layout`: under s3://logs/ppp";
    assert!(ended.stderr.contains(why), "{}", ended.stderr);
    assert!(ended.stderr.contains("308 bytes, but 290 is the most"), "{}", ended.stderr);
}
