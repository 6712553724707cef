package reports

import "slices"

// unknownWords are what a cell says of a figure that there is not.
var unknownWords = []string{"", "-", "–"}

// knownColumns are the places of a table's columns in which anything is known;
// the first, which names the row, always is.
func knownColumns(columns, rows int, text func(row, column int) string) []int {
	var known []int
	for c := range columns {
		for row := range rows {
			if c == 0 || !slices.Contains(unknownWords, text(row, c)) {
				known = append(known, c)
				break
			}
		}
	}
	return known
}

func at[T any](list []T, places []int) []T {
	kept := make([]T, len(places))
	for i, k := range places {
		kept[i] = list[k]
	}
	return kept
}

// dropUnknown leaves out columns in which nothing is known.
func (t *textTable) dropUnknown() {
	known := knownColumns(len(t.heads), len(t.rows), func(row, c int) string { return t.rows[row].cells[c] })
	t.heads = at(t.heads, known)
	for i := range t.rows {
		t.rows[i].cells = at(t.rows[i].cells, known)
	}
}

// dropUnknown leaves out columns in which nothing is known.
func (t *table) dropUnknown() {
	known := knownColumns(len(t.Heads), len(t.Rows), func(row, c int) string { return t.Rows[row][c].Text })
	t.Heads = at(t.Heads, known)
	for i := range t.Rows {
		t.Rows[i] = at(t.Rows[i], known)
	}
}
