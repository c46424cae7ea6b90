import { Component, type ReactNode } from "react";
import { Empty } from "../parts/Empty";
import { Verbatim } from "../parts/Text";

/** A fault in one view leaves the rest of the page as it is. */
export class Guarded extends Component<{ children: ReactNode }, { fault: string | null }> {
  override state = { fault: null as string | null };

  static getDerivedStateFromError(error: unknown): { fault: string } {
    return {
      fault: error instanceof Error ? `${error.message}\n${error.stack ?? ""}` : String(error),
    };
  }

  override render(): ReactNode {
    if (this.state.fault === null) return this.props.children;
    return (
      <Empty title="This view has a fault. Please report it.">
        <Verbatim text={this.state.fault} label="The fault" />
        <button type="button" onClick={() => this.setState({ fault: null })}>
          Try again
        </button>
      </Empty>
    );
  }
}
