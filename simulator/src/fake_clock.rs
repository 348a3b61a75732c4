//! A wall clock that can be advanced for the processes that load its library.
//!
//! A collector reads the system clock, so a day of a script would otherwise take a day. Works only on Linux and needs a C compiler, as Rust
//! does.

use std::fs::File;
use std::io::{self, Seek, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The environment variable with the path of the file that contains the offset of the clock.
pub const CLOCK_VARIABLE: &str = "SIMULATED_CLOCK";
/// The environment variable with the libraries that a process loads first.
pub const PRELOAD_VARIABLE: &str = "LD_PRELOAD";

const SOURCE: &str = include_str!("fake_clock.c");

/// The library, and the file with the offset that it reads.
#[derive(Debug)]
pub struct FakeClock {
    file: File,
    library: PathBuf,
    path: PathBuf,
}

impl FakeClock {
    /// Compiles the library into `folder` and creates the file there, with a clock that agrees with the machine's.
    ///
    /// # Errors
    /// Returns an error if a file cannot be written, or if no C compiler is installed.
    pub fn create(folder: &Path) -> io::Result<FakeClock> {
        let (library, path, source) = (folder.join("fake_clock.so"), folder.join("clock"), folder.join("fake_clock.c"));
        std::fs::write(&source, SOURCE)?;
        let compiler = std::env::var_os("CC").unwrap_or_else(|| "cc".into()); // Rust needs it for linking
        let compiled = Command::new(&compiler)
            .args(["-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o"])
            .args([&library, &source])
            .arg("-ldl") // a part of the C library since glibc 2.34
            .stdin(Stdio::null())
            .status()?;
        if !compiled.success() {
            let compiler = compiler.to_string_lossy();
            return Err(io::Error::other(format!("`{compiler}` cannot compile `{}`: {compiled}", source.display())));
        }
        let mut clock = FakeClock { file: File::create(&path)?, library, path };
        clock.set_ahead(0)?;
        Ok(clock)
    }

    /// Sets how far the clock is ahead of the machine's, in seconds. A negative number sets it back.
    ///
    /// # Errors
    /// Returns an error if the file cannot be written.
    pub fn set_ahead(&mut self, seconds: i64) -> io::Result<()> {
        self.file.rewind()?;
        self.file.write_all(&seconds.to_ne_bytes())
    }

    /// Returns the environment variables that give a process this clock.
    pub fn environment(&self) -> [(&'static str, PathBuf); 2] {
        [(CLOCK_VARIABLE, self.path.clone()), (PRELOAD_VARIABLE, self.library.clone())]
    }
}
