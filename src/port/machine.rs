//! What the machine is: chip, memory, system. Recorded with every result.

use super::data::Machine;
use crate::util::fs::read_text;
use crate::util::process::Command;

impl Machine {
    /// Asks the system. What it does not say is empty or zero.
    pub async fn here() -> Self {
        if cfg!(target_os = "macos") {
            let chip = ask("/usr/sbin/sysctl", &["-n", "machdep.cpu.brand_string"]).await;
            let ram = ask("/usr/sbin/sysctl", &["-n", "hw.memsize"]).await.parse().unwrap_or(0);
            let version = ask("/usr/bin/sw_vers", &["-productVersion"]).await;
            return Self { chip, ram, os: format!("macOS {version}").trim().to_string() };
        }
        let file = |path: &str| read_text(path.as_ref()).unwrap_or_default();
        Self {
            chip: chip(&file("/proc/cpuinfo")),
            ram: memory(&file("/proc/meminfo")),
            os: system(&file("/etc/os-release"), &file("/proc/sys/kernel/osrelease")),
        }
    }
}

impl Machine {
    /// Gives the bytes that Metal keeps resident; none without Metal. Where nobody has set a limit, it is what Metal
    /// recommends: two thirds of up to 36 GB, three quarters of more.
    pub async fn wired(&self) -> Option<u64> {
        if !cfg!(target_os = "macos") {
            return None;
        }
        let set = ask("/usr/sbin/sysctl", &["-n", "iogpu.wired_limit_mb"]).await.parse::<u64>().unwrap_or(0);
        Some(wired(set, self.ram))
    }
}

fn wired(set_mb: u64, ram: u64) -> u64 {
    match set_mb {
        0 if ram <= 36 << 30 => ram / 3 * 2,
        0 => ram / 4 * 3,
        set => set << 20,
    }
}

async fn ask(program: &str, args: &[&str]) -> String {
    let output =
        Command::new(program).clear_env().args(args).timeout(std::time::Duration::from_secs(5)).run().await;
    output.map(|output| output.text()).unwrap_or_default()
}

fn chip(cpuinfo: &str) -> String {
    let value = |name: &str| {
        let line = cpuinfo.lines().find(|line| line.starts_with(name))?;
        line.split_once(':').map(|(_, value)| value.trim().to_string())
    };
    // ARM kernels give numbers instead of a name.
    value("model name").or_else(|| value("Hardware")).unwrap_or_else(|| std::env::consts::ARCH.to_string())
}

fn memory(meminfo: &str) -> u64 {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"));
    let kib: u64 = line.and_then(|rest| rest.split_whitespace().next()?.parse().ok()).unwrap_or(0);
    kib * 1024
}

fn system(release: &str, kernel: &str) -> String {
    let name = release.lines().find_map(|line| line.strip_prefix("PRETTY_NAME="));
    format!("{}, kernel {}", name.unwrap_or("Linux").trim_matches('"'), kernel.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wired_limit_that_is_set_counts_before_the_share_of_memory() {
        assert_eq!(wired(20_000, 24 << 30), 20_000 << 20);
        assert_eq!(wired(0, 24 << 30), 16 << 30);
        assert_eq!(wired(0, 64 << 30), 48 << 30);
    }

    #[test]
    fn linux_files_are_read() {
        assert_eq!(chip("processor\t: 0\nmodel name\t: AMD EPYC\n"), "AMD EPYC");
        assert_eq!(memory("MemTotal:       16000 kB\nMemFree: 1 kB\n"), 16_384_000);
        let os = system("NAME=x\nPRETTY_NAME=\"Debian GNU/Linux 13\"\n", "6.12.1\n");
        assert_eq!(os, "Debian GNU/Linux 13, kernel 6.12.1");
    }
}
