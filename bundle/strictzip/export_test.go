package strictzip

// BlockSize is how much of a file is compressed at a time.
const BlockSize = blockSize

// Always makes small archives be judged as large ones are, on several
// processors, until restore is called.
func Always() (restore func()) {
	was := concurrentSize
	concurrentSize = 0
	return func() { concurrentSize = was }
}
