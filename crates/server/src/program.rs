//! The program around the command line.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use affiant_adapters::models::{Cassette, Providers, Recorder};
use affiant_contract::{Loaded, Registry};
use affiant_engine::ports::{Models, ToolServers, Tools};
use affiant_surface::cli::{Exit, Failure, Host, Serve};

use crate::{project::Project, serve};

/// This binary.
pub struct Program;

impl Host for Program {
    fn contracts(&self, folder: &Path, builtin_only: bool) -> Result<Loaded, Failure> {
        let mut loaded = Loaded { contracts: affiant_contract::builtin(), findings: Vec::new() };
        let project = if builtin_only { None } else { Project::find(folder).map_err(|error| unusable(&error))? };
        if let Some(project) = project {
            project.load_into(&mut loaded);
        }
        Ok(loaded)
    }

    fn project(&self, folder: &Path) -> Result<Option<PathBuf>, Failure> {
        Ok(Project::find(folder).map_err(|error| unusable(&error))?.map(|project| project.root))
    }

    fn tools(&self, folder: &Path) -> Arc<dyn Tools> {
        // Sources read contracts and tools do not, so these need none.
        let contracts = Arc::new(Registry::default());
        affiant_adapters::open(&affiant_adapters::Config::new(folder.to_owned(), contracts)).tools
    }

    fn played(&self, file: &Path) -> Result<Arc<dyn Models>, Failure> {
        Ok(Arc::new(Cassette::open(file).map_err(|error| unusable(&error.into()))?))
    }

    fn recording(&self, folder: &Path, file: &Path) -> Result<Arc<dyn Models>, Failure> {
        let project = Project::find(folder).map_err(|error| unusable(&error))?;
        let tables = project.map(|project| project.config.providers).unwrap_or_default();
        let connections = Arc::new(serve::connections::AtHand::new(&tables)?);
        let recorder = Recorder::open(file).map_err(|error| unusable(&error.into()))?;
        Ok(Arc::new(Providers::new(connections).recorded_by(recorder)))
    }

    fn tool_servers(&self, folder: &Path) -> Result<Arc<dyn ToolServers>, Failure> {
        let project = Project::find(folder).map_err(|error| unusable(&error))?;
        let mcp = project.as_ref().map(|project| project.config.mcp_servers(&project.root)).transpose();
        let mcp = mcp.map_err(|error| unusable(&error))?;
        let config = affiant_adapters::Config::new(folder.to_owned(), Arc::new(Registry::default()));
        let config = affiant_adapters::Config { mcp: mcp.unwrap_or_default(), ..config };
        Ok(affiant_adapters::open(&config).mcp)
    }

    fn data_folder(&self) -> PathBuf {
        let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let home = || set("HOME").unwrap_or_else(|| PathBuf::from("."));
        let share = set("XDG_DATA_HOME").unwrap_or_else(|| home().join(".local/share"));
        set("AFFIANT_DATA_DIR").unwrap_or_else(|| share.join("affiant"))
    }

    fn serve(&self, wanted: Serve) -> Result<Exit, Failure> {
        let loaded = self.contracts(&wanted.project, false)?;
        let project = Project::find(&wanted.project).map_err(|error| unusable(&error))?;
        let root = project.as_ref().map(|project| project.root.clone());
        let config = project.map(|project| project.config).unwrap_or_default();
        serve::run(wanted, loaded, root.as_deref(), config)
    }

    fn sample(&self, folder: &Path) -> Result<(), Failure> {
        affiant_adapters::sample::create(folder)
            .map_err(|error| Failure::new(Exit::Unexpected, "internal", error.to_string()))
    }

    fn version(&self) -> &'static str {
        env!("CARGO_PKG_VERSION")
    }
}

fn unusable(error: &anyhow::Error) -> Failure {
    Failure::usage(format!("{error:#}")).next("correct the file and try again")
}
