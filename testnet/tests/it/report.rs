//! Reports: their figures, tables and pictures.

mod capacity_report;
mod compare_tables;
mod files {
    pub(crate) mod data_files;
    mod deliveries;
}
mod healing;
mod models;
mod page {
    mod blocks;
    mod columns;
    mod hostile_words;
    mod sampling;
    mod several_runs;
    mod simulated_run;
}
mod plateau_report;
mod schema;
mod spread;
mod statistics;
mod sweep_picture;
mod table_width;
mod tables;
mod terminal {
    mod curve;
    mod tree;
}
