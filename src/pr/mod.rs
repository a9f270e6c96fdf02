//! The pull request: diff by file and hunk, staging, template, Voice fields, commit, push.
