//! macOS: the seatbelt profile given to `sandbox-exec`. Written from Apple's own profiles and from what MLX's Metal
//! start-up is known to open; tested as text, not yet on a Mac.

use std::path::Path;

use super::spec::{Profile, Sandbox};

/// What every process needs to start, and what Metal needs to make a device, compile a kernel and run it.
const BASE: &str = r#"(version 1)
(deny default)
(allow process-fork)
(allow process-exec)
(allow signal (target same-sandbox))
(allow process-info* (target same-sandbox))
(allow sysctl-read)
(allow file-read-metadata)
(allow file-read* (literal "/") (literal "/dev/random") (literal "/dev/urandom") (literal "/dev/zero"))
(allow file-read* file-write-data (literal "/dev/null"))
(allow file-read* file-map-executable
  (subpath "/usr/lib") (subpath "/usr/share") (subpath "/System")
  (subpath "/Library/Apple") (subpath "/private/var/db/dyld") (subpath "/private/var/db/timezone")
  (subpath "/Library/Developer/CommandLineTools"))
(allow ipc-posix-sem)
(allow ipc-posix-shm-read* (ipc-posix-name "apple.shm.notification_center"))
(allow iokit-open
  (iokit-user-client-class "AGXDeviceUserClient")
  (iokit-user-client-class "AGXCommandQueue")
  (iokit-user-client-class "AGXDevice")
  (iokit-user-client-class "AGXSharedUserClient")
  (iokit-user-client-class "IOSurfaceRootUserClient")
  (iokit-user-client-class "IOSurfaceAcceleratorClient")
  (iokit-user-client-class "RootDomainUserClient"))
(allow iokit-get-properties)
(allow mach-lookup
  (global-name "com.apple.MTLCompilerService")
  (xpc-service-name "com.apple.MTLCompilerService")
  (global-name "com.apple.cvmsServ")
  (global-name "com.apple.gpumemd.source")
  (global-name "com.apple.system.notification_center")
  (global-name "com.apple.system.opendirectoryd.libinfo")
  (global-name "com.apple.system.logger")
  (global-name "com.apple.logd"))
"#;

/// Sockets that never leave the machine.
const LOOPBACK: &str = r#"(allow network-bind network-inbound (local ip "localhost:*"))
(allow network-outbound (remote ip "localhost:*"))
"#;

/// Writes the profile of a sandbox.
pub fn profile(sandbox: &Sandbox, program: &Path) -> String {
    let mut text = BASE.to_string();
    for path in sandbox.read.iter().map(|path| path.as_path()).chain([program]) {
        for name in names(path) {
            text.push_str(&format!("(allow file-read* file-map-executable (subpath {name}))\n"));
        }
    }
    for name in sandbox.write.iter().flat_map(|path| names(path)) {
        text.push_str(&format!("(allow file-read* file-write* file-map-executable (subpath {name}))\n"));
    }
    // The last rule that fits decides.
    for name in sandbox.hidden.iter().flat_map(|path| names(path)) {
        text.push_str(&format!("(deny file-read* file-map-executable (subpath {name}))\n"));
    }
    if sandbox.profile == Profile::Loopback {
        text.push_str(LOOPBACK);
    }
    text
}

/// The kernel compares real paths: /tmp is a link there. Both spellings are given.
fn names(path: &Path) -> Vec<String> {
    let mut found = vec![quoted(path)];
    if let Ok(real) = path.canonicalize() {
        found.push(quoted(&real));
    }
    found.dedup();
    found
}

fn quoted(path: &Path) -> String {
    format!("\"{}\"", path.to_string_lossy().replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(sandbox: &Sandbox) -> Vec<String> {
        let text = profile(sandbox, Path::new("/no/python"));
        text.strip_prefix(BASE).expect("the base comes first").lines().map(str::to_string).collect()
    }

    #[test]
    fn a_profile_denies_by_default_and_names_each_folder() {
        let sandbox = Sandbox::new(Profile::None).read("/no/env").write("/no/run \"x\"");
        assert!(BASE.starts_with("(version 1)\n(deny default)\n"));
        assert_eq!(
            lines(&sandbox),
            [
                r#"(allow file-read* file-map-executable (subpath "/no/env"))"#,
                r#"(allow file-read* file-map-executable (subpath "/no/python"))"#,
                r#"(allow file-read* file-write* file-map-executable (subpath "/no/run \"x\""))"#,
            ]
        );
    }

    #[test]
    fn only_the_loopback_profile_has_a_network() {
        let text = |kind| profile(&Sandbox::new(kind), Path::new("/no/python"));
        assert!(!text(Profile::None).contains("network"));
        assert!(text(Profile::Loopback).ends_with(LOOPBACK));
    }

    /// The list of escapes runs on Linux; here only the text can be held to it.
    #[test]
    fn no_rule_opens_what_the_list_of_escapes_goes_for() {
        let sandbox = Sandbox::new(Profile::Loopback).read("/no/env").write("/no/run");
        let text = profile(&sandbox, Path::new("/no/python"));
        let writes: Vec<_> = text.lines().filter(|line| line.contains("file-write")).collect();
        assert_eq!(
            writes,
            [
                r#"(allow file-read* file-write-data (literal "/dev/null"))"#,
                r#"(allow file-read* file-write* file-map-executable (subpath "/no/run"))"#,
            ]
        );
        let doors = [
            "allow default",
            "securityd",
            "SecurityServer",
            "pasteboard",
            "appleevent",
            "sysctl-write",
            "process-exec-interpreter",
            "job-creation",
            "system-socket",
            "ipc-posix-shm-write",
            "ipc-sysv",
            "mach-register",
            "mach-priv",
            "file-mount",
            "(remote ip \"*",
            "/Users",
            "/private/tmp",
            "/private/var/folders",
            "/private/etc",
        ];
        let open: Vec<_> = doors.into_iter().filter(|door| text.contains(door)).collect();
        assert!(open.is_empty(), "{open:?}");
        for rule in ["signal", "process-info*"] {
            let named: Vec<_> = text.lines().filter(|line| line.contains(&format!("allow {rule}"))).collect();
            assert!(named.iter().all(|line| line.contains("(target same-sandbox)")), "{named:?}");
        }
    }

    #[test]
    fn parentheses_balance() {
        let text = profile(&Sandbox::new(Profile::Loopback).read("/a"), Path::new("/no/python"));
        assert_eq!(text.matches('(').count(), text.matches(')').count());
    }
}
