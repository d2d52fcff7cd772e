package app

import (
	"prana/config"
	"prana/deploy"
	"prana/handlers/api"
	"prana/handlers/docs"
	"prana/handlers/nodes"
)

// pages is all documentation there is: of the parts that are put together here, and of who put them together.
func (a *App) pages() []docs.Folder {
	return append([]docs.Folder{
		docs.Pages(),
		{Dir: "handlers/nodes", Files: nodes.Pages},
		{Dir: "handlers/api", Files: api.Pages},
		{Dir: "config", Files: config.Pages},
		{Dir: "deploy", Files: deploy.Pages},
	}, a.o.Pages...)
}
