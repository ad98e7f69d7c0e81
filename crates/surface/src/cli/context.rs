//! What every command has at hand: the wishes of the command line, the contracts, the server.

use std::{cell::OnceCell, ffi::OsString, path::PathBuf};

use affiant_contract::Registry;
use clap::ArgMatches;

use super::{
    Failure, Host,
    client::{Client, Target},
    output::{Data, FORMATS, Format, Wish},
};

/// What every command has at hand.
pub struct Context<'a> {
    /// The program around the command line.
    pub host: &'a dyn Host,
    /// The folder that was named with `-C`, or the current one.
    pub folder: PathBuf,
    /// `--yes` was given.
    pub yes: bool,
    /// `--no-input` was given, or nobody can be asked.
    pub no_input: bool,
    /// The command line as it was typed.
    pub arguments: Vec<OsString>,
    wish: Wish,
    target: Target,
    registry: OnceCell<Registry>,
}

impl<'a> Context<'a> {
    /// Reads the global flags.
    pub(crate) fn new(host: &'a dyn Host, matches: &ArgMatches, arguments: Vec<OsString>) -> Result<Self, Failure> {
        let text = |name: &str| matches.get_one::<String>(name).cloned();
        let set = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let folder = text("folder").map_or_else(std::env::current_dir, std::path::absolute)?;
        if !folder.is_dir() {
            return Err(Failure::usage(format!("there is no folder {}", folder.display())));
        }
        let format = text("output").unwrap_or_default();
        let format = FORMATS.iter().find(|(name, _)| *name == format).map(|(_, format)| *format).unwrap_or_default();
        let fields = text("fields").map(|fields| fields.split(',').map(|field| field.trim().to_owned()).collect());
        match text("color").as_deref() {
            Some("always") => anstream::ColorChoice::Always.write_global(),
            Some("never") => anstream::ColorChoice::Never.write_global(),
            _ => (),
        }
        let data = text("data-dir").map_or_else(|| host.data_folder(), PathBuf::from);
        Ok(Self {
            host,
            folder,
            yes: matches.get_flag("yes"),
            no_input: matches.get_flag("no-input") || !super::terminal::can_ask(),
            arguments,
            wish: Wish { format, fields: fields.unwrap_or_default(), jq: text("jq") },
            target: Target {
                url: text("server").or_else(|| set("AFFIANT_SERVER")),
                token_file: text("token-file").map(PathBuf::from),
                data,
            },
            registry: OnceCell::new(),
        })
    }

    /// The same command line, read with other flags.
    pub(crate) fn read_again(&self, matches: &ArgMatches) -> Result<Self, Failure> {
        Self::new(self.host, matches, self.arguments.clone())
    }

    /// The format that was asked for.
    pub(crate) fn format(&self) -> Format {
        self.wish.format
    }

    /// Prints data as wished.
    pub(crate) fn print(&self, data: Data<'_>) -> Result<(), Failure> {
        self.wish.print(data)
    }

    /// Where the server is, and where its data would be.
    pub(crate) fn target(&self) -> &Target {
        &self.target
    }

    /// A client of the server.
    pub(crate) fn client(&self) -> Result<Client, Failure> {
        Client::open(&self.target)
    }

    /// The contracts of this folder's project and our own. Findings are an error here; `contract lint` tells them all.
    pub(crate) fn registry(&self) -> Result<&Registry, Failure> {
        if let Some(registry) = self.registry.get() {
            return Ok(registry);
        }
        let registry = self.read_registry(false)?;
        Ok(self.registry.get_or_init(|| registry))
    }

    /// The same, or our own contracts alone.
    pub(crate) fn read_registry(&self, builtin_only: bool) -> Result<Registry, Failure> {
        let loaded = self.host.contracts(&self.folder, builtin_only)?;
        if !loaded.findings.is_empty() {
            return Err(super::contract::refused(&loaded.findings));
        }
        Registry::new(loaded.contracts).map_err(|findings| super::contract::refused(&findings))
    }
}
