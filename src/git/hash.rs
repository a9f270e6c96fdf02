//! The name git gives to a file's content, without a repository.

use git2::{ObjectType, Oid};

use super::GitError;

/// Gives the SHA-1 that git and the Hub know this content by, in hexadecimal.
///
/// # Errors
/// libgit2 has no memory left.
pub fn blob_id(bytes: &[u8]) -> Result<String, GitError> {
    let id = Oid::hash_object(ObjectType::Blob, bytes).map_err(GitError::wrap("hash a file"))?;
    Ok(id.to_string())
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_id_is_gits() {
        let id = super::blob_id(b"hello\n").expect("an id");
        assert_eq!(id, "ce013625030ba8dba906f756967f9e9ca394464a");
    }
}
