package bundle

import "os"

// ExtractSyncing is [NodeInfo.Extract] with sync in the place of (*os.File).Sync.
func (n *NodeInfo) ExtractSyncing(dir string, sync func(*os.File) error) error {
	return n.extract(dir, sync)
}
