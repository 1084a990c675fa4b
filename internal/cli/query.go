package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/koonti/koonti/graphql"
	"github.com/koonti/koonti/internal/catalog"
	"github.com/koonti/koonti/internal/check"
	"github.com/koonti/koonti/internal/content"
)

// maxQuery bounds a query read from standard input, in bytes.
const maxQuery = 1 << 20

func (a *app) sdl() *cobra.Command {
	var ref string
	c := &cobra.Command{
		Use:     "sdl",
		Short:   "Print the GraphQL types of the model",
		Example: "  koonti sdl > schema.graphql",
		Args:    noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return a.withCatalog(c.Context(), ref, func(_ *catalog.Catalog, schema *graphql.Schema) error {
				_, err := io.WriteString(a.Out, schema.SDL())
				return err
			})
		},
	}
	a.content(c)
	c.Flags().StringVar(&ref, "ref", "", "branch or tag to read instead of the work tree")
	return c
}

func (a *app) query() *cobra.Command {
	var ref, variables, operation string
	c := &cobra.Command{
		Use:   "query QUERY",
		Short: "Answer one GraphQL query without a server",
		Long: `Answers one query from the work tree, or from the branch given with --ref, and
prints the answer. "-" reads the query from standard input. A server may be
running on the same repository meanwhile.

Exit code: 0 answered, 1 answered with errors, 2 it could not be asked.`,
		Example: `  koonti query '{ projects { totalCount nodes { id name } } }'
  koonti query 'query($id: ID!) { project(id: $id) { name } }' --variables '{"id": "digihelppi"}'
  koonti query - < query.graphql`,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) != 1 {
				return &hintError{fmt.Errorf("give one query, in quotes"), "For example: koonti query '{ view { records } }'"}
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			request := graphql.Request{Query: args[0], OperationName: operation, Actor: content.Actor{Role: content.RoleReader}}
			if variables != "" {
				decoder := json.NewDecoder(strings.NewReader(variables))
				decoder.UseNumber()
				if err := decoder.Decode(&request.Variables); err != nil {
					return fmt.Errorf("--variables must be a JSON object: %w", err)
				}
			}
			if args[0] == "-" {
				text, err := io.ReadAll(io.LimitReader(a.In, maxQuery))
				if err != nil {
					return fmt.Errorf("read the query from standard input: %w", err)
				}
				request.Query = string(text)
			}
			return a.withCatalog(c.Context(), ref, func(cat *catalog.Catalog, schema *graphql.Schema) error {
				return a.ask(c.Context(), cat, schema, request)
			})
		},
	}
	a.content(c)
	c.Flags().StringVar(&ref, "ref", "", "branch or tag to read instead of the work tree")
	c.Flags().StringVar(&variables, "variables", "", "the query's variables, a JSON object")
	c.Flags().StringVar(&operation, "operation", "", "which operation to run where the query has several")
	return c
}

func (a *app) ask(ctx context.Context, cat *catalog.Catalog, schema *graphql.Schema, request graphql.Request) error {
	response := schema.Do(ctx, cat.Current(), cat, request)
	var indented bytes.Buffer
	if err := json.Indent(&indented, response.Body, "", "  "); err != nil {
		return fmt.Errorf("write the answer: %w", err)
	}
	indented.WriteByte('\n')
	if _, err := indented.WriteTo(a.Out); err != nil {
		return fmt.Errorf("write the answer: %w", err)
	}
	if response.Failed {
		return errProblems
	}
	return nil
}

// withCatalog opens the content once, without following it, and hands it to use.
func (a *app) withCatalog(ctx context.Context, ref string, use func(*catalog.Catalog, *graphql.Schema) error) error {
	repo, err := a.open()
	if err != nil {
		return err
	}
	defer repo.Close()
	outside, err := a.outside()
	if err != nil {
		return err
	}
	cat, err := catalog.Open(ctx, catalog.Config{Repo: repo, Ref: ref, Model: outside})
	if err != nil {
		return explain(err)
	}
	index, err := openIndex(repo, "", nil)
	if err != nil {
		return err
	}
	defer index.Close()
	past, err := openHistory(repo, "", outside, keyFlags{}, nil, nil)
	if err != nil {
		return err
	}
	defer past.Close()
	schema, err := graphql.NewSchema(cat.Current().Model, graphql.Config{Searcher: ready{searcher{index}}, Histories: histories{past}})
	if err != nil {
		return err
	}
	return use(cat, schema)
}

// ready is a searcher that indexes first: a command waits, where a server would say
// that it is not ready yet.
type ready struct{ searcher }

// Search implements graphql.Searcher.
func (r ready) Search(ctx context.Context, view *content.View, q graphql.SearchQuery) ([]graphql.SearchHit, error) {
	if err := r.index.Ensure(ctx, view); err != nil {
		return nil, err
	}
	return r.searcher.Search(ctx, view, q)
}

func (a *app) modelSchema() *cobra.Command {
	owners := false
	c := &cobra.Command{
		Use:   "model-schema",
		Short: "Print the JSON Schema of model files, or of owners files",
		Long: `Prints the JSON Schema that a model file must satisfy, or with --owners that of
` + catalog.OwnersFile + `, which says who must approve what. An editor that is given it
helps with writing one.`,
		Example: `  koonti model-schema > model.schema.json
  koonti model-schema --owners > owners.schema.json`,
		Args: noArgs,
		RunE: func(*cobra.Command, []string) error {
			schema := check.ModelSchema()
			if owners {
				schema = check.OwnersSchema()
			}
			_, err := a.Out.Write(schema)
			return err
		},
	}
	c.Flags().BoolVar(&owners, "owners", false, "the schema of owners files instead")
	return c
}
