package main

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/cachebench/cachebench/eci"
	"github.com/cachebench/cachebench/layers/distribution"
	"github.com/cachebench/cachebench/matcher/plan/export"
)

// acrForm is how an ACR instance is written in a flag.
const acrForm = "instanceId=cri-…[,instanceName=…,regionId=…,domain=…,arnService=…,arnUser=…]"

// acr are the instances of --acr.
func (e *eciFlags) acr() ([]eci.ACRRegistry, error) {
	var list []eci.ACRRegistry
	for _, text := range e.acrTexts {
		r, err := acrOf(text)
		if err != nil {
			return nil, err
		}
		list = append(list, r)
	}
	return list, nil
}

// acrOf reads an instance; a domain may stand several times.
func acrOf(text string) (eci.ACRRegistry, error) {
	var r eci.ACRRegistry
	for part := range strings.SplitSeq(text, ",") {
		key, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		to := map[string]*string{
			"instanceId": &r.InstanceID, "instanceName": &r.InstanceName, "regionId": &r.RegionID, "arnService": &r.ARNService, "arnUser": &r.ARNUser,
		}[key]
		switch {
		case value == "" || to == nil && key != "domain":
			return r, usagef("--acr %q: %q is not of the form %s", text, part, acrForm)
		case key == "domain":
			r.Domains = append(r.Domains, value)
		default:
			*to = value
		}
	}
	if r.InstanceID == "" {
		return r, usagef("--acr %q: instanceId=cri-… is missing", text)
	}
	return r, nil
}

// logins are the credentials of --registry-login.
func (e *eciFlags) logins(ctx context.Context) ([]eci.RegistryCredential, error) {
	return loginsOf(ctx, e.loginSources())
}

// loginSources are those of --registry-login as a file states them.
func (e *eciFlags) loginSources() (list []export.RegistryLogin) {
	for _, text := range e.loginTexts {
		host, from := cutLogin(text)
		list = append(list, export.RegistryLogin{Server: host, From: from})
	}
	return list
}

func cutLogin(text string) (host, from string) {
	host, from, _ = strings.Cut(text, "=")
	return host, from
}

// loginOf finds the login of a registry: env:VARIABLE, file:PATH, each with
// USER:PASSWORD, or the docker configuration. Its errors quote nothing of what it
// read.
func loginOf(ctx context.Context, host, from string) (eci.RegistryCredential, error) {
	c := eci.RegistryCredential{Server: host}
	if host == "" || strings.Contains(host, "/") {
		return c, fmt.Errorf("%q is not the host of a registry, without scheme and path", host)
	}
	how, where, _ := strings.Cut(from, ":")
	var text string
	switch {
	case how == "" || from == "docker":
		return dockerLogin(ctx, c)
	case how == "env" && where != "":
		if text = os.Getenv(where); text == "" {
			return c, fmt.Errorf("%s: the environment has no %s", host, where)
		}
	case how == "file" && where != "":
		data, err := os.ReadFile(where)
		if err != nil {
			return c, fmt.Errorf("%s: %w", host, err)
		}
		text, _, _ = strings.Cut(string(data), "\n")
	default:
		// What stands there may be a password: it is not repeated.
		return c, fmt.Errorf("%s: where the login is must be env:VARIABLE, file:PATH or docker", host)
	}
	user, password, ok := strings.Cut(strings.TrimSuffix(text, "\r"), ":")
	if !ok || user == "" || password == "" {
		return c, fmt.Errorf("%s: %s %s does not hold USER:PASSWORD", host, how, where)
	}
	c.UserName, c.Password = user, eci.Secret(password)
	return c, nil
}

func dockerLogin(ctx context.Context, c eci.RegistryCredential) (eci.RegistryCredential, error) {
	who, err := distribution.Login(ctx, nil, c.Server)
	switch {
	case err != nil:
		return c, fmt.Errorf("%s: the docker configuration: %w", c.Server, err)
	case who.Username == "" || who.Password == "":
		return c, fmt.Errorf("%s: the docker configuration has no user and password of it: docker login %s, or say =env:VARIABLE or =file:PATH", c.Server, c.Server)
	}
	c.UserName, c.Password = who.Username, eci.Secret(who.Password)
	return c, nil
}
