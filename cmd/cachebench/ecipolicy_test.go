package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestPolicy: the permissions that docs/eci.md asks for are those of the calls that commands
// make, no more and no fewer.
func TestPolicy(t *testing.T) {
	calls := map[string]string{ // with what makes them besides their own methods
		"CreateImageCache": "", "UpdateImageCache": "", "DeleteImageCache": "",
		"DescribeImageCaches":  "|ImageCaches|AllImageCaches|ImageCache",
		"CreateContainerGroup": "", "DeleteContainerGroup": "", "DescribeContainerGroupPrice": "",
		"DescribeContainerGroups":      "|ContainerGroups|AllContainerGroups|ContainerGroup",
		"DescribeContainerGroupEvents": "", "DescribeContainerGroupStatus": "", "ListUsage": "", "DescribeRegions": "",
	}
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "eci.md"))
	if err != nil {
		t.Fatal(err)
	}
	// The list of all that the page needs, not the notes after it.
	_, policy, _ := strings.Cut(string(page), "The least that all of this page needs")
	policy, _, _ = strings.Cut(policy, "\n- ")
	var source strings.Builder
	for _, dir := range []string{".", filepath.Join("..", "..", "measure")} {
		err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			data, err := os.ReadFile(path)
			source.Write(data)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for call, others := range calls {
		made := regexp.MustCompile(`\.(` + call + others + `)\(`).MatchString(source.String())
		if granted := strings.Contains(policy, `"eci:`+call+`"`); granted != made {
			t.Errorf("%s: a command makes it: %v, the page asks for it: %v", call, made, granted)
		}
	}
	if n := strings.Count(policy, `"eci:`); n == 0 || n > len(calls) {
		t.Errorf("the page asks for %d actions", n)
	}
}
