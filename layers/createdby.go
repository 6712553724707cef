package layers

import (
	"regexp"
	"strings"
)

// step returns a build step in one form, whichever builder wrote it:
//
//	/bin/sh -c apt-get update                     RUN apt-get update
//	RUN /bin/sh -c apt-get update # buildkit      RUN apt-get update
//	/bin/sh -c #(nop) ADD file:01… in /           ADD file:01… in /
//	# debian.sh … 'bookworm' '@1760918400'        # debian.sh … 'bookworm'
//
// The first and the third are of Docker's classic builder, the second of
// BuildKit, the last of debuerreotype, which makes Debian's base images and
// writes there the second that the packages are of.
func step(createdBy string) string {
	s := strings.Join(strings.Fields(createdBy), " ")
	s = strings.TrimSpace(strings.TrimSuffix(s, "# buildkit"))
	if rest, ok := strings.CutPrefix(s, "/bin/sh -c #(nop)"); ok {
		return strings.TrimSpace(rest)
	}
	s, run := strings.CutPrefix(s, "RUN ")
	s, shell := strings.CutPrefix(s, "/bin/sh -c ")
	if strings.HasPrefix(s, debianStep) {
		return rootDate.ReplaceAllString(s, "")
	}
	if run || shell {
		return "RUN " + s
	}
	return s
}

const debianStep = "# debian.sh "

var (
	// rootDate ends debuerreotype's step.
	rootDate = regexp.MustCompile(` '@[0-9]+'$`)
	// namedContent finds a copied content's hash, as Docker's classic builder
	// writes it, or the address that it was downloaded from.
	namedContent = regexp.MustCompile(`^(COPY|ADD) .*((file|dir|multi):[0-9a-f]{16}|https?://)`)
)

// telling says whether two layers made by the same step are likely to hold much
// the same. That is so for a command, and for a copy that names what is copied.
// A copy that does not (COPY . /app) tells nothing, nor does the name of a tool
// that writes the same for each of its layers.
func telling(step string) bool {
	return strings.HasPrefix(step, "RUN ") || strings.HasPrefix(step, debianStep) || namedContent.MatchString(step)
}
