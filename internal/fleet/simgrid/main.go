// Command simgrid writes the fleets of fleet.Cases as text for SimGrid, each as
// NAME.fleet in a directory (make oracle-simgrid).
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/cachebench/cachebench/internal/fleet"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "simgrid:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("%d arguments: give one, the directory to write to", len(args))
	}
	if err := os.MkdirAll(args[0], 0o755); err != nil {
		return err
	}
	for _, c := range fleet.Cases() {
		if err := write(filepath.Join(args[0], c.Name+".fleet"), c.Fleet); err != nil {
			return err
		}
		fmt.Println(c.Name)
	}
	return nil
}

func write(path string, f fleet.Fleet) error {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	if err := f.WriteSimGrid(file); err != nil {
		file.Close()
		return fmt.Errorf("%s: %w", path, err)
	}
	return file.Close()
}
