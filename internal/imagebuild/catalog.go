package main

import v1 "github.com/google/go-containerregistry/pkg/v1"

// catalog returns every recipe; one that others build on stands before them.
func catalog() []recipe {
	recipes := []recipe{debian()}
	recipes = append(recipes, runtimes()...)
	recipes = append(recipes, services()...)
	recipes = append(recipes, apps()...)
	return append(recipes, runner(), report(), proxy(), toolShell(), toolCurl())
}

const debianName = "base/debian:12"

// debian is the base that nearly all others share.
func debian() recipe {
	packages := []string{"ca-certificates"}
	return recipe{
		name:   debianName,
		family: oci,
		steps: []step{
			{
				createdBy: "ADD rootfs.tar.gz / # mmdebstrap --variant=minbase --include=ca-certificates bookworm",
				work:      work{bootstrap: packages},
			},
			{
				createdBy: `ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin`,
				config: func(c *v1.Config) {
					c.Env = []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
				},
			},
			cmd("bash"),
		},
	}
}

// onDebian returns a recipe on the base, in OCI media types.
func onDebian(name string, steps ...step) recipe {
	return recipe{name: name, from: debianName, family: oci, steps: steps}
}

// runtimes are the language images that applications build on.
func runtimes() []recipe {
	return []recipe{
		onDebian("runtime/python:3.11",
			apt("python3", "python3-venv"),
			env("PYTHONUNBUFFERED", "1"),
			cmd("python3")),
		onDebian("runtime/node:18",
			apt("nodejs"),
			env("NODE_ENV", "production"),
			cmd("node")),
		onDebian("runtime/openjdk:17",
			apt("openjdk-17-jre-headless"),
			env("JAVA_HOME", "/usr/lib/jvm/java-17-openjdk-amd64"),
			cmd("java", "-version")),
		onDebian("runtime/perl:5.36", apt("perl"), cmd("perl", "-de0")),
		onDebian("runtime/ruby:3.1", apt("ruby"), env("LANG", "C.UTF-8"), cmd("irb")),
		onDebian("runtime/golang:1.19",
			apt("gcc", "libc6-dev", "make"),
			apt("golang-go"),
			env("GOPATH", "/go"),
			shell("mkdir -p /go/src /go/bin && chmod -R 777 /go"),
			workdir("/go"),
			cmd("bash")),
	}
}

// services are images run as they are. Two have Docker's media types.
func services() []recipe {
	nginx := onDebian("web/nginx:1.22",
		apt("nginx-light"),
		shell("ln -sf /dev/stdout /var/log/nginx/access.log && ln -sf /dev/stderr /var/log/nginx/error.log"),
		expose("80/tcp"),
		cmd("nginx", "-g", "daemon off;"))
	nginx.family = docker

	postgresql := onDebian("db/postgresql:15",
		aptThen("sed -i 's/^#create_main_cluster.*/create_main_cluster = false/' /etc/postgresql-common/createcluster.conf",
			"postgresql-common"),
		apt("postgresql-15"),
		env("PGDATA", "/var/lib/postgresql/data"),
		expose("5432/tcp"),
		user("postgres"),
		cmd("/usr/lib/postgresql/15/bin/postgres"))
	postgresql.family = docker

	return []recipe{
		nginx,
		postgresql,
		onDebian("db/redis:7",
			apt("redis-server"),
			expose("6379/tcp"),
			user("redis"),
			cmd("redis-server", "--protected-mode", "no")),
	}
}

// apps are applications on the runtimes: two versions of one, which differ in
// their last layer alone, and one in Java.
func apps() []recipe {
	return []recipe{
		shopWeb("1.4.0"),
		shopWeb("1.4.1"),
		{
			name: "shop/orders:3.2.0", from: "runtime/openjdk:17", family: oci,
			steps: []step{
				apt("libspring-web-java", "libjackson2-databind-java", "libpostgresql-jdbc-java"),
				copyFiles("target/orders.jar", "/app/orders.jar", ordersFiles()),
				env("JAVA_TOOL_OPTIONS", "-XX:MaxRAMPercentage=75"),
				expose("8080/tcp"),
				entrypoint("java", "-jar", "/app/orders.jar"),
			},
		},
	}
}

// shopWeb is a web shop in Python.
func shopWeb(version string) recipe {
	return recipe{
		name: "shop/web:" + version, from: "runtime/python:3.11", family: oci,
		steps: []step{
			apt("gunicorn", "python3-flask", "python3-psycopg2", "python3-redis", "python3-requests", "python3-pil"),
			shell("useradd --uid 10001 --create-home --home-dir /app shop"),
			copyFiles("static/", "/app/static/", shopStatic()),
			env("SHOP_SETTINGS", "/app/settings.json"),
			expose("8000/tcp"),
			workdir("/app"),
			user("shop"),
			cmd("gunicorn", "--bind", "0.0.0.0:8000", "shop:app"),
			copyFiles("shop/", "/app/", shopFiles(version)),
		},
	}
}

// runner is a build agent grown line by line: many small layers.
func runner() recipe {
	var steps []step
	for _, tool := range []string{
		"curl", "git", "openssh-client", "jq", "make", "unzip", "zip", "rsync", "xz-utils", "zstd", "file", "less",
		"procps", "iproute2", "iputils-ping", "netcat-openbsd", "gnupg", "sudo", "tree", "patch", "gettext-base",
		"time", "python3-minimal",
	} {
		steps = append(steps, apt(tool))
	}
	steps = append(steps,
		shell("useradd --uid 1000 --create-home --shell /bin/bash runner"),
		shell("rm -rf /usr/share/man && mkdir /usr/share/man && rm -f /usr/share/doc/*/changelog*.gz"),
		env("CI", "true"),
		user("runner"),
		workdir("/home/runner"),
		cmd("bash"))
	return onDebian("ci/runner:2026.11", steps...)
}

// report is a batch job with one very large layer.
func report() recipe {
	return recipe{
		name: "batch/report:2026.11", from: "runtime/python:3.11", family: oci,
		steps: []step{
			apt("python3-pandas", "python3-scipy", "python3-matplotlib", "python3-sklearn"),
			env("MPLBACKEND", "Agg"),
			entrypoint("python3", "-m", "report"),
		},
	}
}

// proxy is a sidecar with zstd layers. Its base layer is that of the base image
// compressed anew: an equal diffID under another digest.
func proxy() recipe {
	r := onDebian("mesh/proxy:1.2",
		apt("haproxy"),
		shell("mkdir -p /etc/mesh && printf 'mesh.example.com\\n' > /etc/mesh/domain"),
		expose("15001/tcp"),
		user("haproxy"),
		entrypoint("haproxy", "-W", "-db", "-f", "/etc/haproxy/haproxy.cfg"))
	r.compression = zstandard
	return r
}

// toolShell is an OCI index of two platforms and an attestation.
func toolShell() recipe {
	return recipe{
		name: "tools/shell:1.0", family: oci, multi: true, attested: true,
		platforms: []v1.Platform{amd64, arm64},
		steps: []step{
			extract("usr-is-merged", "base-files", "base-passwd", "libc6", "bash", "coreutils", "netbase", "tzdata"),
			extract("grep", "sed", "gawk", "findutils", "procps"),
			env("PATH", "/usr/bin:/bin"),
			cmd("bash"),
		},
	}
}

// toolCurl is a Docker manifest list of two platforms.
func toolCurl() recipe {
	return recipe{
		name: "tools/curl:7.88", family: docker, multi: true,
		platforms: []v1.Platform{amd64, arm64},
		steps: []step{
			extract("usr-is-merged", "base-files", "libc6", "curl"),
			entrypoint("curl"),
		},
	}
}
