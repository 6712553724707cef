package local

import "strings"

// expand writes a reference out as runtimes store it: nginx is
// docker.io/library/nginx:latest (github.com/distribution/reference,
// ParseDockerRef, "familiar names").
func expand(reference string) string {
	name, digest, hasDigest := strings.Cut(reference, "@")
	host, path, hasHost := strings.Cut(name, "/")
	if !hasHost || !isHost(host) {
		host, path = "docker.io", name
	}
	if host == "index.docker.io" {
		host = "docker.io"
	}
	if host == "docker.io" && !strings.Contains(path, "/") {
		path = "library/" + path
	}
	slash := strings.LastIndex(path, "/")
	colon := strings.LastIndex(path, ":")
	switch tagged := colon > slash; {
	case hasDigest && tagged:
		path = path[:colon] + "@" + digest
	case hasDigest:
		path += "@" + digest
	case !tagged:
		path += ":latest"
	}
	return host + "/" + path
}

func isHost(s string) bool {
	return s == "localhost" || strings.ContainsAny(s, ".:") || strings.ToLower(s) != s
}
