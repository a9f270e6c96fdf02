//! A thin typed wrapper over git; the only place that names git2.
