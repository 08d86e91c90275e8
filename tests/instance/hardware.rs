//! Which machine this is, where the metadata service is silent: an image that was baked with our state directory must not
//! write into the streams of the machine that it was made from.

use super::{ID, edit_cache, host, on_hardware, run, ship};
use crate::support::imds::{ImdsServer, Tokens};
use crate::support::{Sandbox, finish};

const OTHER: &str = "i-0fedcba9876543210";
const UUID: &str = "class/dmi/id/product_uuid";
const VENDOR: (&str, &str) = ("class/dmi/id/sys_vendor", "Amazon EC2");
const TAG: &str = "class/dmi/id/board_asset_tag";
const MINE: [(&str, &str); 2] = [VENDOR, (UUID, "ec2e1916-9099-7caf-fd21-012345abcdef")];
const THEIRS: [(&str, &str); 2] = [VENDOR, (UUID, "ec2aaaaa-9099-7caf-fd21-012345abcdef")];

/// Has what is kept be that of another boot.
fn restart(sandbox: &Sandbox) {
    edit_cache(sandbox, |cache| cache["boot"] = "11111111-2222-3333-4444-555555555555".into());
}

fn silent() -> ImdsServer {
    let imds = ImdsServer::empty();
    imds.tokens(Tokens::Refused(503));
    imds
}

#[test]
fn a_machine_that_was_started_anew_goes_by_its_name_though_the_service_is_silent() {
    let sandbox = Sandbox::new();
    sandbox.config_file("layout = \"zone={zone}/type={type}\"\n");
    let on_mine = |imds: &ImdsServer| on_hardware(&MINE, &run(&sandbox, imds));
    let first = ship(&sandbox, on_mine(&ImdsServer::of(ID)));
    assert_eq!((first.instance.as_str(), first.directory()), (ID, "zone=eu-central-1a/type=m5.large"));
    restart(&sandbox);
    let imds = silent();
    let second = ship(&sandbox, on_mine(&imds));
    // It may have been given another type while it was down.
    assert_eq!(second.directory(), "zone=eu-central-1a/type=__HIVE_DEFAULT_PARTITION__");
    assert_eq!((second.instance.as_str(), second.place()), (ID, (first.place().0, "00000002")), "the stream goes on");
    ship(&sandbox, on_mine(&imds));
    assert_eq!(imds.requests(), 1, "silence holds for an hour");
    restart(&sandbox);
    let imds = ImdsServer::of(ID);
    imds.set("instance-type", "m5.xlarge");
    assert_eq!(ship(&sandbox, on_mine(&imds)).directory(), "zone=eu-central-1a/type=m5.xlarge");
}

#[test]
fn a_machine_that_was_made_from_an_image_with_our_state_begins_new_streams() {
    let sandbox = Sandbox::new();
    let first = ship(&sandbox, on_hardware(&MINE, &run(&sandbox, &ImdsServer::of(ID))));
    restart(&sandbox);
    let kept = std::fs::read(sandbox.path("state/instance.json")).expect("it is kept");
    // The hardware is another one, or can't be told from another one: then the host name is better than a wrong name.
    for hardware in [&THEIRS[..], &[], &[VENDOR, (UUID, "00000000-0000-0000-0000-000000000000")]] {
        std::fs::write(sandbox.path("state/instance.json"), &kept).expect("it is written");
        let other = ship(&sandbox, on_hardware(hardware, &run(&sandbox, &silent())));
        assert_eq!(other.instance, host(), "{hardware:?}");
        assert_ne!(other.place().0, first.place().0, "{hardware:?}");
    }
    std::fs::write(sandbox.path("state/instance.json"), &kept).expect("it is written");
    let other = ship(&sandbox, on_hardware(&THEIRS, &run(&sandbox, &ImdsServer::of(OTHER))));
    assert_eq!((other.instance.as_str(), other.place().1), (OTHER, "00000001"));
}

#[test]
fn a_machine_that_was_copied_while_it_ran_asks_who_it_is() {
    let sandbox = Sandbox::new();
    let first = ship(&sandbox, on_hardware(&MINE, &run(&sandbox, &ImdsServer::of(ID))));
    // Memory and disk of the first, and so its boot id too.
    let other = ship(&sandbox, on_hardware(&THEIRS, &run(&sandbox, &ImdsServer::of(OTHER))));
    assert_eq!(other.instance, OTHER);
    assert_ne!(other.place().0, first.place().0);
}

#[test]
fn the_board_of_a_nitro_instance_tells_its_id_where_nothing_else_does() {
    let sandbox = Sandbox::new();
    let nitro = [VENDOR, (TAG, ID)];
    let shipped = ship(&sandbox, on_hardware(&nitro, &run(&sandbox, &silent())));
    assert_eq!(shipped.instance, ID);
    assert!(shipped.ended.stderr.contains("the hardware says that this is i-0123456789abcdef0"));
    // An image of it, on another board.
    restart(&sandbox);
    let other = ship(&sandbox, on_hardware(&[VENDOR, (TAG, OTHER)], &run(&sandbox, &silent())));
    assert_eq!(other.instance, OTHER);
    for no_board in [[VENDOR, (TAG, "Not Specified")], [("class/dmi/id/sys_vendor", "QEMU"), (TAG, ID)]] {
        restart(&sandbox);
        let shipped = ship(&sandbox, on_hardware(&no_board, &run(&sandbox, &silent())));
        assert_eq!(shipped.instance, host(), "{no_board:?}");
    }
}

#[test]
fn who_looks_for_the_end_of_an_instance_believes_silence_for_long_only_where_the_hardware_is_something_else() {
    let (sandbox, imds) = (Sandbox::new(), silent());
    let mut lifecycle = sandbox.logferry();
    lifecycle.envs(imds.env()).arg("lifecycle");
    let asks = |hardware: &[(&str, &str)]| {
        let before = imds.requests();
        finish(&mut on_hardware(hardware, &lifecycle)).quiet();
        imds.requests() > before
    };
    let other = [("class/dmi/id/sys_vendor", "QEMU")];
    assert!(asks(&[]) && !asks(&[]) && !asks(&other));
    edit_cache(&sandbox, |cache| {
        let at: logferry::model::time::Moment = serde_json::from_value(cache["at"].clone()).expect("a time");
        let earlier = logferry::model::time::Moment::from_nanos(at.nanos() - 90 * 1_000_000_000);
        cache["at"] = earlier.to_string().into();
    });
    assert!(!asks(&other), "it is no instance, for all that is seen");
    assert!(asks(&[]), "it may be an instance in a container");
    assert!(!asks(&[]));
    assert!(asks(&[VENDOR]) && asks(&[VENDOR]), "of an instance no silence is believed");
}
