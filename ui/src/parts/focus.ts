/** Once a dialog is closed: what had opened it will be gone, so focus goes to what stays. */
export function focusSoon(selector: string): void {
  requestAnimationFrame(() =>
    document.querySelector<HTMLElement>(selector)?.focus({ preventScroll: true }),
  );
}
