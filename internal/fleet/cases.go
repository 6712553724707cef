package fleet

// Case is a fleet whose ready times by SimGrid are stored.
type Case struct {
	// Name is the stored file's, without its endings.
	Name  string
	Fleet Fleet
}

// CasesDir is where the ready times of Cases are stored, from the root of the
// repository: NAME.txt.gz, one line a pull (ReadReadyFile).
const CasesDir = "simulate/network/testdata/simgrid"

// Cases returns the fleets that SimGrid has run. After a change here or in what
// generates fleets, run make oracle-simgrid.
func Cases() []Case {
	return []Case{
		{"star-100", Star(100, 1)},
		{"star-1000", Star(1000, 1)},
		{"star-5000", Star(5000, 1)},
		{"star-1000-caps", Star(1000, 2).WithConnectionCaps(2)},
		{"tree-200", Tree(200, 20, 1)},
		{"tree-200-caps", Tree(200, 20, 2).WithConnectionCaps(2)},
		{"tree-1000", Tree(1000, 20, 1)},
		{"tree-1000-caps", Tree(1000, 20, 2).WithConnectionCaps(2)},
	}
}
