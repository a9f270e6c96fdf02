//! The harness: plan, protocol, worker process, store. The verdict is the harness's, never a language model's.
