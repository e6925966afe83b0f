/** Messages over the slide. Screen readers announce each one, and it stays until a click. */

import { Problem } from "./api.ts";

export class Messages {
  constructor(private readonly place: HTMLElement) {}

  clear(): void {
    this.place.replaceChildren();
  }

  /** A message about a part that the page does without. */
  notice(text: string): void {
    this.show("notice", text, [], "Dismiss", () => {});
  }

  /** A message about an error that leaves the page without a picture. */
  failure(error: unknown, again?: () => void): void {
    if (error instanceof Problem) {
      this.show("failure", error.title, [error.detail, error.hint ?? ""],
                error.again && again ? "Try again" : "", again);
      return;
    }
    console.error(error);
    this.show("failure", "An error occurred in the viewer.", [String(error)],
              again ? "Try again" : "", again);
  }

  private show(kind: string, title: string, lines: string[], action: string,
               act?: () => void): void {
    const box = document.createElement("div");
    box.className = `message ${kind}`;
    const add = (tag: string, text: string) => {
      if (text) {
        const element = document.createElement(tag);
        element.textContent = text;
        box.append(element);
        return element;
      }
    };
    add("strong", title);
    lines.forEach((line) => add("p", line));
    add("button", action)?.addEventListener("click", () => {
      box.remove();
      act?.();
    });
    box.setAttribute("role", "alert");
    this.place.append(box);
  }
}
