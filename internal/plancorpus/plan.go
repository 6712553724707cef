package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os/exec"
	"path/filepath"
)

// answer is what is read of a plan: of caches, or of one pool of nodes.
type answer struct {
	solved
	Goal  string     `json:"goal"`
	Pools []nodePool `json:"pools"`
}

type nodePool struct {
	solved
	Images []any `json:"images"`
}

type solved struct {
	Candidates       int      `json:"candidates"`
	ObjectiveSeconds float64  `json:"objectiveSeconds"`
	BoundSeconds     float64  `json:"boundSeconds"`
	ObjectiveMoney   *amount  `json:"objectiveMoney"`
	BoundMoney       *amount  `json:"boundMoney"`
	GapFraction      *float64 `json:"gapFraction"`
	Status           string   `json:"status"`
	Caches           []any    `json:"caches"`
}

// plan runs the command line on the files of a directory, and returns the rest of a row.
func (t *table) plan(ctx context.Context, dir string, flags []string) (string, error) {
	args := append([]string{
		"plan", "--inventory", filepath.Join(dir, "inventory.json"), "--workload", filepath.Join(dir, "workload.json"),
		"--output", "json", "--quiet",
	}, flags...)
	cmd := exec.CommandContext(ctx, t.program, args...)
	out, err := cmd.Output()
	if exit, ok := err.(*exec.ExitError); ok {
		return "", fmt.Errorf("%w: %s", err, exit.Stderr)
	} else if err != nil {
		return "", err
	}
	var a answer
	if err := json.Unmarshal(out, &a); err != nil {
		return "", fmt.Errorf("read the plan: %w", err)
	}
	s, goal, chosen := a.solved, a.Goal, len(a.Caches)
	if len(a.Pools) > 0 {
		s, goal, chosen = a.Pools[0].solved, "pulls", len(a.Pools[0].Images)
	}
	if s.GapFraction == nil {
		return "", fmt.Errorf("the plan has no gap")
	}
	cpu := cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	return fmt.Sprintf("%s\t%d\t%s\t%.2f%%\t%s\t%d\t%.1f\t%s\t",
		goal, s.Candidates, s.figures(), 100**s.GapFraction, s.Status, chosen, cpu.Seconds(), peakMemory(cmd.ProcessState)), nil
}

// figures are objective and bound in their unit.
func (s *solved) figures() string {
	if s.ObjectiveMoney != nil && s.BoundMoney != nil {
		return fmt.Sprintf("USD %.2f\tUSD %.2f", s.ObjectiveMoney.Amount, s.BoundMoney.Amount)
	}
	return fmt.Sprintf("%.0f s\t%.0f s", s.ObjectiveSeconds, s.BoundSeconds)
}

// amount is of money.
type amount struct {
	Amount float64 `json:"amount"`
}
