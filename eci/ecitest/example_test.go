package ecitest_test

import (
	"fmt"
	"strings"
	"time"

	"github.com/aliyun/alibaba-cloud-sdk-go/sdk"
	"github.com/aliyun/alibaba-cloud-sdk-go/sdk/auth/credentials"
	"github.com/aliyun/alibaba-cloud-sdk-go/services/eci"

	"github.com/cachebench/cachebench/eci/ecitest"
)

// The vendor's SDK makes an image cache on a server of ours, and a group from it.
func Example() {
	server := ecitest.NewServer(ecitest.Options{})
	defer server.Close()
	key := ecitest.TestKey()
	client, err := eci.NewClientWithOptions("cn-hangzhou", sdk.NewConfig().WithScheme("HTTP"), credentials.NewAccessKeyCredential(key.ID, key.Secret))
	if err != nil {
		fmt.Println(err)
		return
	}
	client.Domain = strings.TrimPrefix(server.URL, "http://")
	client.SetNoProxy("127.0.0.1")

	create := eci.CreateCreateImageCacheRequest()
	create.ImageCacheName, create.SecurityGroupId, create.VSwitchId = "web", "sg-1", "vsw-1"
	create.Image = []string{"nginx:1.27"}
	if _, err := client.CreateImageCache(create); err != nil {
		fmt.Println(err)
		return
	}
	for range 3 {
		caches, err := client.DescribeImageCaches(eci.CreateDescribeImageCachesRequest())
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(caches.ImageCaches[0].Status, caches.ImageCaches[0].Progress)
		server.Advance(time.Minute)
	}
	group := eci.CreateCreateContainerGroupRequest()
	group.ContainerGroupName = "web-1"
	group.QueryParams["Container.1.Name"], group.QueryParams["Container.1.Image"] = "web", "nginx:1.27"
	group.QueryParams["AutoMatchImageCache"] = "true"
	if _, err := client.CreateContainerGroup(group); err != nil {
		fmt.Println(err)
		return
	}
	made := server.Groups()[0]
	fmt.Println(made.Name, made.Status, made.CacheID == server.Caches()[0].ID, made.Ready.Sub(made.Created).Round(time.Second))
	// Output:
	// Preparing 0%
	// Creating 35%
	// Creating 80%
	// web-1 Scheduling true 12s
}
