//! The metadata service, as it is and as it fails.

use crate::support::Sandbox;
use crate::support::imds::ImdsServer;

const ID: &str = "i-0123456789abcdef0";

#[test]
fn a_warm_run_asks_nothing() {
    let (sandbox, imds) = (Sandbox::new(), ImdsServer::of(ID));
    for _ in 0..3 {
        sandbox.write_log("web.log", "x\n");
        let mut run = sandbox.logferry();
        run.envs(imds.env()).arg("run").arg(sandbox.path("log"));
        crate::support::finish(&mut run).quiet();
    }
    assert_eq!((imds.tokens_asked(), imds.asked("instance-id")), (1, 1));
    assert_eq!(imds.requests(), 8, "seven facts, and the token");
}
