package durable

import "os"

// SyncFolder makes the names that were made or changed in a folder survive a
// power loss. On Windows, where folders cannot be synced, it does nothing.
// Errors are [*os.PathError], for example of a folder that may not be read.
func SyncFolder(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return closeAfter(f, func() error { return syncDir(f) })
}
