package document

import (
	"regexp"
	"strconv"
)

// Text that is no key of the value itself but of the document around it.
const (
	versionKey = "apiVersion"
	kindKey    = "kind"
)

var versionForm = regexp.MustCompile(`^cachebench/v([0-9]+)$`)

// header checks apiVersion and kind and returns the kind. An empty wanted kind
// accepts any.
func (d *decoder) header(root *node, wanted string) string {
	if root.kind != mappingNode {
		d.fault(root.at(), "", "%s is not a document: write a mapping that starts with %s and %s", root.describe(), versionKey, kindKey)
		return ""
	}
	d.version(root)
	kind := root.get(kindKey)
	switch {
	case isAbsent(kind):
		example := wanted
		if example == "" {
			example = "Scenario"
		}
		d.fault(lineOf(kind, root), "", "kind is missing: add %q", "kind: "+example)
	case kind.kind != stringNode:
		d.fault(kind.at(), kindKey, "%s is not a kind", kind.describe())
	case wanted != "" && kind.text != wanted:
		d.fault(kind.at(), kindKey, "the kind is %s, wanted is %s", kind.text, wanted)
	default:
		return kind.text
	}
	return ""
}

func (d *decoder) version(root *node) {
	version := root.get(versionKey)
	if isAbsent(version) {
		d.fault(lineOf(version, root), "", "apiVersion is missing: add %q", "apiVersion: "+APIVersion)
		return
	}
	if version.kind == stringNode && version.text == APIVersion {
		return
	}
	if isNewer(version.text) {
		d.fault(version.at(), versionKey, "%s is newer than this program reads (%s): upgrade cachebench", version.text, APIVersion)
		return
	}
	d.fault(version.at(), versionKey, "%s is not a version that this program reads: write %s", version.describe(), APIVersion)
}

// lineOf returns the line of an entry, or of the mapping if it is not there.
func lineOf(entry, mapping *node) int32 {
	if entry != nil {
		return entry.at()
	}
	return mapping.at()
}

func isNewer(version string) bool {
	match := versionForm.FindStringSubmatch(version)
	if match == nil {
		return false
	}
	number, err := strconv.Atoi(match[1])
	return err != nil || number > 1
}

func withoutHeader(root *node) *node {
	body := *root
	body.items = make([]node, 0, len(root.items))
	for _, item := range root.items {
		if item.key != versionKey && item.key != kindKey {
			body.items = append(body.items, item)
		}
	}
	return &body
}
