//go:build !unix

package nodedir

func subfolders(string) (int, bool) { return 0, false }
