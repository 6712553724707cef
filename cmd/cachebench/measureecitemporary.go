package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"golang.org/x/term"

	"github.com/cachebench/cachebench/eci"
	"github.com/cachebench/cachebench/matcher"
)

// agrees asks a question on the terminal and says with an error that the answer is no.
// Where nobody can be asked, what must be agreed to is refused, and the rest is done.
func (s *streams) agrees(question string, yes, must bool) error {
	in, ok := s.in.(*os.File)
	switch {
	case yes:
		return nil
	case !ok || !term.IsTerminal(int(in.Fd())):
		if must {
			return usagef("%s Nobody can be asked here: --yes says yes", question)
		}
		return nil
	}
	s.clear()
	fmt.Fprintf(s.err, "%s [y/N] ", question)
	answer, _ := bufio.NewReader(in).ReadString('\n')
	switch strings.ToLower(strings.TrimSpace(answer)) {
	case "y", "yes":
		return nil
	}
	return errors.New("nothing was done: the answer was not yes")
}

func matcherCaches(all []eci.ImageCache, region string) (caches []matcher.Cache, left []string) {
	for i := range all {
		c := &all[i]
		_, automatic := c.Automatic()
		caches = append(caches, matcher.Cache{
			ID: c.ID, Name: c.Name, Images: slices.Clone(c.Images), SizeGiB: float64(c.SizeGiB), Status: string(c.Status),
			CreationTime: c.CreatedAt, LastMatchedTime: c.LastMatchedAt, ExpireTime: c.ExpiresAt, Region: region, Automatic: automatic,
		})
	}
	return caches, left
}
