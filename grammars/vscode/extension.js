// Starts `tsdsl lsp` and connects the editor to it. All features are the server's.
const vscode = require("vscode");
const { LanguageClient } = require("vscode-languageclient/node");

let client;

async function start() {
  const [command, ...args] = vscode.workspace.getConfiguration("tsspace").get("command");
  const selector = [{ language: "tsspace" }];
  client = new LanguageClient("tsspace", "tsspace", { command, args }, { documentSelector: selector });
  try {
    await client.start();
  } catch (error) {
    vscode.window.showErrorMessage(
      `tsspace: \`${command}\` did not start (${error.message}). ` +
        "Install tsdsl, or set tsspace.command to where it is installed."
    );
  }
}

async function stop() {
  if (client) await client.stop().catch(() => undefined);
  client = undefined;
}

async function activate(context) {
  context.subscriptions.push(
    vscode.workspace.onDidChangeConfiguration(async (event) => {
      if (!event.affectsConfiguration("tsspace.command")) return;
      await stop();
      await start();
    })
  );
  await start();
}

module.exports = { activate, deactivate: stop };
