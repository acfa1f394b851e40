package main

import "strings"

// nearest returns the name that was probably meant by word, or "": at most two
// edits away, and for words of up to four characters at most one. An edit is a
// character too many, missing, in place of another, or swapped with the next one. Of
// one letter nothing can be guessed. A wrong guess costs more than none.
func nearest(word string, names []string) string {
	const short = 4
	limit := 2
	if len(word) <= short {
		limit = 1
	}
	word = strings.ToLower(word)
	best, least := "", limit+1
	for _, name := range names {
		if len(word) < 2 || len(name) < 2 || len(name) > len(word)+limit || len(word) > len(name)+limit {
			continue
		}
		if d := edits(word, name); d < least {
			best, least = name, d
		}
	}
	return best
}

// edits counts the edits that make b of a (optimal string alignment).
func edits(a, b string) int {
	var before []int // the row above the row above
	above := make([]int, len(b)+1)
	for j := range above {
		above[j] = j
	}
	for i := range len(a) {
		row := make([]int, len(b)+1)
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			row[j+1] = min(above[j]+cost, above[j+1]+1, row[j]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
		before, above = above, row
	}
	return above[len(b)]
}
