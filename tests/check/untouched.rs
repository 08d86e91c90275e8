//! Nothing on the machine is changed: seen from the system calls themselves.

use std::process::Command;

use crate::support::{Bucket, Sandbox, finish};

/// What changes a file system, or takes a lock that a run needs.
const CHANGING: &str = "trace=rename,renameat,renameat2,unlink,unlinkat,mkdir,mkdirat,rmdir,link,linkat,symlink,symlinkat,\
    chmod,fchmod,fchmodat,chown,fchown,fchownat,lchown,truncate,ftruncate,mknod,mknodat,setxattr,fsetxattr,utimensat,\
    fallocate,flock,open,openat,openat2,creat";

#[test]
fn no_call_changes_anything_and_none_takes_a_lock() {
    let sandbox = Sandbox::new();
    let bucket = Bucket::new(&sandbox);
    sandbox.write_log("web.log", "x\n");
    bucket.run_all(&sandbox).quiet();
    sandbox.write_log("web.log", "y\n");
    let binary = sandbox.logferry();
    let mut strace = Command::new("strace");
    strace.env_clear().envs(binary.get_envs().filter_map(|(name, value)| Some((name, value?)))).envs(bucket.env());
    strace.args(["-f", "-qq", "-e", CHANGING, "-o"]).arg(sandbox.path("trace")).arg(binary.get_program());
    let found = Command::new("strace").arg("-V").output();
    found.expect("strace is there: apt-get install strace");
    finish(strace.arg("check").arg(sandbox.path("log"))).expect(0);
    let trace = std::fs::read_to_string(sandbox.path("trace")).expect("a trace");
    assert!(trace.lines().count() > 20, "{trace}");
    let only_reads = |line: &&str| {
        let opens = line.contains("open")
            && !["O_WRONLY", "O_RDWR", "O_CREAT", "O_TRUNC"].iter().any(|flag| line.contains(flag));
        // logrotate gets a state file of its own, in a directory of ours below /run that is gone with the check.
        let of_logrotate = [".logferry-", "\".state.tmp\"", "\"state\""].iter().any(|name| line.contains(name));
        let is_call = !line.contains("resumed>") && !line.contains(" --- ");
        is_call && !opens && !of_logrotate && !line.contains("/dev/null")
    };
    let changing: Vec<_> = trace.lines().filter(only_reads).collect();
    assert!(changing.is_empty(), "{changing:#?}");
}
