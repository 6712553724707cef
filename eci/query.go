package eci

import (
	"encoding/json"
	"strconv"
	"strings"
)

// query is the parameters of a call, flat: lists count from 1, parts of objects
// follow a dot (eci §2.1). What is empty is not sent.
type query map[string]string

func (q query) text(name, value string) {
	if value != "" {
		q[name] = value
	}
}

func (q query) number(name string, value int) {
	if value != 0 {
		q[name] = strconv.Itoa(value)
	}
}

func (q query) decimal(name string, value float64) {
	if value != 0 {
		q[name] = strconv.FormatFloat(value, 'f', -1, 64)
	}
}

// flag sends true only: false is every flag's default.
func (q query) flag(name string, value bool) {
	if value {
		q[name] = "true"
	}
}

// choice sends what was chosen, if anything was.
func (q query) choice(name string, value *bool) {
	if value != nil {
		q[name] = strconv.FormatBool(*value)
	}
}

// joined is a list in one parameter.
func (q query) joined(name string, values []string) { q.text(name, strings.Join(values, ",")) }

func (q query) list(name string, values []string) {
	for i, value := range values {
		q.text(item(name, i), value)
	}
}

// item names the element with index i from 0.
func item(name string, i int) string { return name + "." + strconv.Itoa(i+1) }

func (q query) tags(tags []Tag) {
	for i, tag := range tags {
		q.text(item("Tag", i)+".Key", tag.Key)
		q.text(item("Tag", i)+".Value", tag.Value)
	}
}

func (q query) registryCredentials(credentials []RegistryCredential) {
	for i, credential := range credentials {
		name := item("ImageRegistryCredential", i)
		q.text(name+".Server", credential.Server)
		q.text(name+".UserName", credential.UserName)
		q.text(name+".Password", string(credential.Password))
	}
}

func (q query) acr(registries []ACRRegistry) {
	for i, registry := range registries {
		name := item("AcrRegistryInfo", i)
		q.text(name+".InstanceId", registry.InstanceID)
		q.text(name+".InstanceName", registry.InstanceName)
		q.text(name+".RegionId", registry.RegionID)
		q.list(name+".Domain", registry.Domains)
		q.text(name+".ArnService", registry.ARNService)
		q.text(name+".ArnUser", registry.ARNUser)
	}
}

// groupIDs is a JSON list in one text (eci §2.7).
func (q query) groupIDs(ids []string) {
	if len(ids) == 0 {
		return
	}
	list, err := json.Marshal(ids)
	if err != nil {
		panic(err) // texts always marshal
	}
	q["ContainerGroupIds"] = string(list)
}
